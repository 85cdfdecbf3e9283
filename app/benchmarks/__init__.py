"""Measured results of serving, and the prediction for the same row."""
