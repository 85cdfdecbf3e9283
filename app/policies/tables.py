"""The table of the policies. Instants are seconds since 1970."""

from piccolo.columns import BigInt, Varchar
from piccolo.table import Table

from app.storage.engine import ENGINE


class ShownRow(Table, db=ENGINE, tablename="policy_shown"):
    """When the site first showed a version, by its policy, date and digest."""

    name = Varchar(length=160, primary_key=True)
    at = BigInt()
