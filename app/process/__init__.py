"""The processes: starting, serving, supervising, preparing the data folder, and assembling the application."""
