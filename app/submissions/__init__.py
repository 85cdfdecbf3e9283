"""The community's reports: forms, receipts, moderation, and what is published of them."""
