"""Policies: dated documents, what is in force when, and the notice that a change can't go without."""
