"""Measurements of serving, predictions for the same set-ups, and the estimator's errors."""
