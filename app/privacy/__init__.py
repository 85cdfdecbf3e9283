"""Personal data: what is kept, why and for how long, and how people exercise their rights."""
