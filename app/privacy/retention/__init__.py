"""Deleting what is past its limit."""
