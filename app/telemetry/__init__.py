"""What is recorded about requests: the access log, one plain file per day, and anonymous counters."""
