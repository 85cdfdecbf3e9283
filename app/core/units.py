"""Units of time and size, each defined once. Pure."""

MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
DAY_MIN = 24 * 60
KIB, MIB, GIB = 2**10, 2**20, 2**30
