"""Which tables are about people, and the schema that they have for themselves on PostgreSQL."""

SCHEMA = "personal"
PERSONAL = (
    "submission", "submission_contact", "submission_version", "moderation", "ledger_entry", "privacy_case",
    "correspondence", "case_event", "case_erasure", "mail_out", "mail_held", "mail_copy", "mail_aside",
)  # fmt: skip
"""The tables whose rows are about a person: what is erased from them must also be gone from the files."""
