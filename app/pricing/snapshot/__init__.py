"""The prices that ship with the software."""
