"""What everything else builds on: the clock, errors, money, settings, the retention table, keys of data versions, the
limited HTTP client."""
