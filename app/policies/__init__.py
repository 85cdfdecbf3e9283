"""Policies: dated documents, which version is in force when, and the notice that every change requires."""
