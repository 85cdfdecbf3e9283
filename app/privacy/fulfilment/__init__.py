"""Carrying out what a person asked for: erasing, exporting, certifying."""
