"""The table of sources, for Piccolo."""

from piccolo.columns import BigInt, Boolean, Integer, Text, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class LoadedSource(Table, db=ENGINE, tablename="loaded_source"):
    """A source of prices: when it was last read successfully, what it contained, and the last error."""

    name = Varchar(length=60, primary_key=True)
    title = Varchar(length=200)
    fetched_at = BigInt()
    offers = Integer()
    set_aside = Integer()
    error = Varchar(length=500)
    error_at = BigInt(null=True, default=None)
    tried_at = BigInt(null=True, default=None)
    live = Boolean(default=False)
    left_out = Text(default="{}")
    """JSON: why a row is no offer of a GPU to rent → how many such rows the last answer stated."""
