"""What is kept of people, why and how long; and how they decide about it."""
