"""The tables of mail. Instants are seconds since 1970."""

from piccolo.columns import BigInt, Boolean, Bytea, ForeignKey, Integer, OnDelete, Varchar
from piccolo.table import Table

from app.privacy.requests.tables import CaseRow
from app.storage.engine import ENGINE


class LetterRow(Table, db=ENGINE, tablename="mail_out"):
    """A letter in the queue, or one that was sent, whose text is deleted. One to the operator belongs to no case."""

    id = Varchar(length=24, primary_key=True)
    reference = ForeignKey(CaseRow, on_delete=OnDelete.cascade, null=True)
    recipient = Varchar(length=254)
    automatic = Boolean()
    created_at = BigInt()
    tried_at = BigInt(null=True, default=None)
    sent_at = BigInt(null=True, default=None)
    tries = Integer(default=0)
    message = Bytea()


class HeldLetterRow(Table, db=ENGINE, tablename="mail_held"):
    """An automatic letter held back by a limit."""

    id = Varchar(length=24, primary_key=True)
    reference = ForeignKey(CaseRow, on_delete=OnDelete.cascade, null=False)
    recipient = Varchar(length=254)
    held_at = BigInt()
    message = Bytea()


class CopyRow(Table, db=ENGINE, tablename="mail_copy"):
    """Where and since when a copy of a message is stored; it is deleted seven days later."""

    place = Varchar(length=80, primary_key=True)
    name = Varchar(length=255, primary_key=True)
    reference = Varchar(length=12)
    stored_at = BigInt()


class AsideRow(Table, db=ENGINE, tablename="mail_aside"):
    """A message that could not be stored: since when, why, and in how many tries."""

    place = Varchar(length=80, primary_key=True)
    name = Varchar(length=255, primary_key=True)
    at = BigInt()
    reason = Varchar(length=200)
    tries = Integer(default=1)
