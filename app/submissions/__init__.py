"""Visitors' reports: forms, receipts, moderation, and publishing."""
