"""The tables of cases. Instants are seconds since 1970."""

from piccolo.columns import BigInt, ForeignKey, Integer, OnDelete, Serial, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class CaseRow(Table, db=ENGINE, tablename="privacy_case"):
    """One request of a person; :class:`app.privacy.requests.store.Case` says what its columns mean."""

    reference = Varchar(length=12, primary_key=True)
    kind = Varchar(length=16)
    proposed = Varchar(length=16)
    law = Varchar(length=8)
    received_at = BigInt()
    deadline_at = BigInt()
    extended = Varchar(length=300)
    state = Varchar(length=24)
    address = Varchar(length=254)
    way = Varchar(length=80)
    verified_at = BigInt(null=True, default=None)
    proof = Varchar(length=300)
    code_hash = Varchar(length=64)
    wrong_codes = Integer(default=0)
    answered_at = BigInt(null=True, default=None)
    resolved_at = BigInt(null=True, default=None)
    last_heard_at = BigInt()
    reason = Varchar(length=300)


class CorrespondenceRow(Table, db=ENGINE, tablename="correspondence"):
    """A message of a case, received or sent, without codes. ``message_key`` prevents storing a message twice."""

    id = Serial(primary_key=True)
    reference = ForeignKey(CaseRow, on_delete=OnDelete.cascade, null=False)
    at = BigInt()
    direction = Varchar(length=3)
    message_key = Varchar(length=64, unique=True)
    message_id = Varchar(length=300)
    sender = Varchar(length=254)
    subject = Varchar(length=300)
    body = Text()
    checks = Varchar(length=100)
    note = Varchar(length=300)


class EventRow(Table, db=ENGINE, tablename="case_event"):
    """What happened in a case. ``number`` counts within the case, so that events of one second keep their order."""

    reference = ForeignKey(CaseRow, on_delete=OnDelete.cascade, primary_key=True, null=False)
    number = Integer(primary_key=True)
    at = BigInt()
    what = Varchar(length=300)


class ErasureRow(Table, db=ENGINE, tablename="case_erasure"):
    """One thing that a case erases, and since when it is gone. ``name`` is an id, or the name in its mailbox."""

    reference = ForeignKey(CaseRow, on_delete=OnDelete.cascade, primary_key=True, null=False)
    what = Varchar(length=60, primary_key=True)
    place = Varchar(length=80, primary_key=True)
    name = Varchar(length=255, primary_key=True)
    gone_at = BigInt(null=True, default=None)
