"""What is recorded of requests: the access log, one plain file a day, and anonymous counters."""
