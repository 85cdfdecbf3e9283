"""Offers: from what a source says, through normalising, to rows, pages and data."""
