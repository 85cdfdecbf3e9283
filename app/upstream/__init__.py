"""Data from other organisations' servers: the outcome of a refresh, and the table of sources."""
