"""Data from other people's servers: the outcome of a refresh, and the table of sources."""
