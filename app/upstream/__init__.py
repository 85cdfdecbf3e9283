"""What became of asking somebody else for data: the outcome of a refresh, and the table of sources."""
