"""Requests of people about their data: the rights, a request, and its case."""
