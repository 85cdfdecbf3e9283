"""The table of counters."""

from piccolo.columns import Integer, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class CounterRow(Table, db=ENGINE, tablename="daily_counter"):
    """How often a bucket of a page's measure was counted on a UTC day."""

    day = Varchar(length=10, primary_key=True)
    measure = Varchar(length=12, primary_key=True)
    page = Varchar(length=80, primary_key=True)
    bucket = Integer(primary_key=True)
    times = Integer(db_column_name="count")
