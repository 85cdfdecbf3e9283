"""The tables of reports and of the ledger. Days are ISO dates, instants are seconds since 1970."""

from piccolo.columns import BigInt, Boolean, ForeignKey, Integer, OnDelete, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class SubmissionRow(Table, db=ENGINE, tablename="submission"):
    """A report: its values as JSON and the text of the consent; its receipt, as a hash only; and a fingerprint,
    another for each report."""

    id = Varchar(length=16, primary_key=True)
    kind = Varchar(length=12)
    day = Varchar(length=10)
    receipt_hash = Varchar(length=64, unique=True)
    state = Varchar(length=10)
    restricted = Boolean(default=False)
    body = Text()
    fingerprint = Varchar(length=64, unique=True)
    policy = Varchar(length=10)
    consent = Text()
    ended_on = Varchar(length=10, null=True, default=None)
    reason = Varchar(length=300)


class ContactRow(Table, db=ENGINE, tablename="submission_contact"):
    """The contact address of a report, stored apart from it."""

    submission = ForeignKey(SubmissionRow, on_delete=OnDelete.cascade, primary_key=True, null=False)
    address = Varchar(length=254)


class VersionRow(Table, db=ENGINE, tablename="submission_version"):
    """The version of a corrected report, and the version that the operator saw last."""

    submission = ForeignKey(SubmissionRow, on_delete=OnDelete.cascade, primary_key=True, null=False)
    version = Integer(default=1)
    seen_version = Integer(null=True, default=None)


class ModerationRow(Table, db=ENGINE, tablename="moderation"):
    """A moderation decision: when, about which report, and why. It outlives the report and has none of its content."""

    id = Serial(primary_key=True)
    at = BigInt()
    submission = Varchar(length=16)
    kind = Varchar(length=12)
    action = Varchar(length=12)
    reason = Varchar(length=300)


class ConstantsRow(Table, db=ENGINE, tablename="ledger_constants"):
    """The constants that predictions were made with, as JSON, by their digest."""

    digest = Varchar(length=64, primary_key=True)
    body = Text()


class LineRow(Table, db=ENGINE, tablename="ledger_line"):
    """A line of the ledger: the digest of its content, chained to the line before by ``hash``."""

    line = Integer(primary_key=True)
    day = Varchar(length=10)
    content = Varchar(length=64)
    hash = Varchar(length=64)


class EntryRow(Table, db=ENGINE, tablename="ledger_entry"):
    """The content of a line, as JSON; it is deleted with its report, while the line stays."""

    line = ForeignKey(LineRow, on_delete=OnDelete.no_action, primary_key=True, null=False)
    submission = ForeignKey(SubmissionRow, on_delete=OnDelete.cascade, null=False)
    version = Integer()
    body = Text()
