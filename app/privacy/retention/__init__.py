"""Deleting data whose retention limit has passed."""
