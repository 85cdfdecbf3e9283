"""The processes: starting, serving, supervising, preparing the data folder, and putting the application together."""
