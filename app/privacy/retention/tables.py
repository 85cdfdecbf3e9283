"""The table of the purge. Instants are seconds since 1970."""

from piccolo.columns import BigInt, Integer, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class PurgeRunRow(Table, db=ENGINE, tablename="purge_run"):
    """When a kind of data was last purged, and how many things were erased."""

    kind = Varchar(length=30, primary_key=True)
    ran_at = BigInt()
    erased = Integer()
