"""Parsing a visitor's search: the query string of an address, and free words."""
