"""A model's architecture, read from its configuration. Pure."""
