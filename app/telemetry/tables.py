"""The tables of counters and of questions to nodes. Instants are seconds since 1970."""

from piccolo.columns import BigInt, Bytea, Integer, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class CounterRow(Table, db=ENGINE, tablename="daily_counter"):
    """How often a bucket of a page's measure was counted on a UTC day."""

    day = Varchar(length=10, primary_key=True)
    measure = Varchar(length=12, primary_key=True)
    page = Varchar(length=80, primary_key=True)
    bucket = Integer(primary_key=True)
    times = Integer(db_column_name="count")


class QuestionKeyRow(Table, db=ENGINE, tablename="question_key"):
    """The key under which one question to the nodes, and its answers, are sealed; not given out from ``until`` on."""

    id = Varchar(length=24, primary_key=True)
    key = Bytea()
    until = BigInt()
