"""Reading a visitor's question about prices: the query of an address, and free words."""
