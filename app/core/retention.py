"""What is kept, why, on what legal basis and for how long. The purge, the policy page, the status page and the tests
all read this one table.

Pure: values in, values out. Instants are seconds since 1970, UTC.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from app.core.units import DAY_S

ACCESS_LOG_DAYS = 90
COUNTER_MONTHS = 13
REJECTED_DAYS, WITHDRAWN_DAYS = 30, 7
CASE_MONTHS, SPAM_DAYS, COPY_DAYS = 12, 30, 7


@dataclass(frozen=True, slots=True)
class Limit:
    """A period of calendar months and days, exact to the second."""

    months: int = 0
    days: int = 0

    def ends(self, start: int) -> int:
        """The second at which something counted from ``start`` must be gone."""
        return add_months(start, self.months) + self.days * DAY_S

    def latest_start(self, now: int) -> int:
        """The latest start whose period can have ended by ``now``.

        Month ends are not monotonic: check each start with :meth:`ends`.
        """
        return add_months(now, -self.months) - self.days * DAY_S + (3 * DAY_S if self.months else 0)

    def __str__(self) -> str:
        months = f"{self.months} month{'s' * (self.months != 1)}" if self.months else ""
        days = f"{self.days} day{'s' * (self.days != 1)}" if self.days else ""
        return " and ".join(part for part in (months, days) if part)


def add_months(start: int, months: int) -> int:
    """``start`` plus ``months`` calendar months; if the month has no such day, its last day: 29 February → 28
    February."""
    at = datetime.fromtimestamp(start, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return int(at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1])).timestamp())


@dataclass(frozen=True, slots=True)
class Aged:
    """The rows of ``table`` that age, counted from the value in ``column``.

    ``counts`` is the column's type: an ``instant`` is an integer number of seconds; a ``day`` is the text of a UTC day,
    which counts from its midnight. A row whose column is null or empty does not age. ``limit`` and ``where`` describe a
    part of a kind that is deleted sooner.
    """

    table: str
    column: str
    counts: Literal["instant", "day"]
    where: str = ""
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data.

    ``tables`` and ``files`` (patterns in the data folder) say where it is stored; ``aged`` says which rows are deleted
    by age.
    """

    name: str
    title: str
    fields: str
    purpose: str
    basis: str
    limit: Limit | None
    kept: str
    counted_from: str
    erased: str
    tables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    aged: tuple[Aged, ...] = ()
    personal: bool = True

    @property
    def ages(self) -> bool:
        """True if the purge deletes rows or files of this kind."""
        return bool(self.aged) or (self.limit is not None and bool(self.files))


INTEREST = "legitimate interest (GDPR Art. 6(1)(f))"
CONSENT = "consent (GDPR Art. 6(1)(a))"
OBLIGATION = "legal obligation (GDPR Art. 6(1)(c))"
NOT_PERSONAL = "not personal data"

KINDS: tuple[Kind, ...] = (
    Kind("access-log", "Server log",
         "IP address, browser family, operating-system family, referring address without query, method, page, status, "
         "duration, time",
         "security, stopping abuse, aggregate statistics", INTEREST, Limit(days=ACCESS_LOG_DAYS), "at most 90 days",
         "the first request of the UTC day", "the day's file is deleted whole", files=("logs/*.tsv",)),
    Kind("counters", "Anonymous counters",
         "how often a page was requested, how quickly it loaded, how many script errors: counts per page and day",
         "seeing that the site is well, aggregate statistics", NOT_PERSONAL, Limit(months=COUNTER_MONTHS), "13 months",
         "the beginning of the UTC day", "the rows are overwritten", tables=("daily_counter",),
         aged=(Aged("daily_counter", "day", "day"),), personal=False),
    Kind("submissions", "Reports of the community",
         "what you filled in, the UTC day, the sentence you agreed to, a hash of your receipt",
         "publishing prices, measurements and experiences", CONSENT, None,
         "until you ask for deletion or it is no longer needed; rejected ones 30 days, withdrawn ones 7 days",
         "the UTC day of rejection or withdrawal",
         "the row is overwritten and the write-ahead log cut",
         tables=("submission", "submission_version", "ledger_entry"),
         aged=(Aged("submission", "ended_on", "day", "state = 'rejected'", Limit(days=REJECTED_DAYS)),
               Aged("submission", "ended_on", "day", "state = 'withdrawn'", Limit(days=WITHDRAWN_DAYS)))),
    Kind("contacts", "Addresses for questions", "the e-mail address that you gave with a report, kept apart from it",
         "asking you about the report", CONSENT, None,
         "as long as the report", "", "with its report", tables=("submission_contact",)),
    Kind("moderation", "Moderation", "the number of a report, what was decided, when and why; nothing personal",
         "showing that decisions were made evenly", NOT_PERSONAL,
         Limit(months=COUNTER_MONTHS), "13 months", "the decision", "the rows are overwritten", tables=("moderation",),
         aged=(Aged("moderation", "at", "instant"),), personal=False),
    Kind("erasures", "Journal of erasures", "the number and kind of what was erased, nothing else",
         "erasing again what a restored backup brings back",
         OBLIGATION, None, "as long as the site runs", "", "with the data folder", files=("erasures.journal",),
         personal=False),
    Kind("requests", "Correspondence and privacy requests",
         "your address, what you wrote and we answered, kind, deadlines, how identity was shown; nothing attached",
         "answering you and keeping the deadlines", CONSENT, Limit(months=CASE_MONTHS),
         "at most 12 months after the matter was resolved; spam 30 days",
         "the second in which it was resolved; a case silent for 60 days after our answer is resolved",
         "the rows are overwritten and the write-ahead log cut",
         tables=("privacy_case", "correspondence", "case_event", "case_erasure", "mail_out", "mail_held"),
         aged=(Aged("privacy_case", "resolved_at", "instant"),
               Aged("privacy_case", "received_at", "instant", "state = 'spam'", Limit(days=SPAM_DAYS)),
               Aged("mail_out", "sent_at", "instant", "reference IS NULL", Limit(days=COPY_DAYS)))),
    Kind("mail-copies", "Copies of mail", "the messages as they came and went, in mailbox, Maildir and outbox",
         "storing them safely before anything is deleted", CONSENT,
         Limit(days=COPY_DAYS), "7 days after they were safely stored", "the second in which they were stored",
         "the copy is deleted where it lies", tables=("mail_copy", "mail_aside"), files=("mail/*/*/*",)),
    Kind("limits", "Limits on sending",
         "how often an address sent something this hour, under a salted hash; in the memory of our machines only",
         "stopping abuse", INTEREST, None, "an hour at most; the salt changes daily and is never on a disk",
         "the first request of the hour", "forgotten with the hour"),
    Kind("public", "Prices, models and measurements",
         "public facts from providers' price interfaces, the Hugging Face Hub and published benchmarks",
         "what the site is for", NOT_PERSONAL, None, "as long as the site runs", "", "replaced by newer facts",
         tables=("loaded_source", "offer", "offer_tally", "offer_words", "offer_kind", "offer_extras", "price_strip",
                 "provider_low", "set_aside", "small_answer", "held_price", "exchange_rate",
                 "price_series", "price_span", "price_move", "price_level", "price_level_day", "stock_return",
                 "survival_curve", "survival_score",
                 "spot_reclaim", "source_claim",
                 "model", "evaluation", "measured_speed"), personal=False),
    Kind("housekeeping", "Housekeeping",
         "versions of the data, of the tables and of the policies that were shown, keys between our machines",
         "running the site", NOT_PERSONAL, None, "as long as the site runs", "", "with the data folder",
         tables=("data_version", "migration", "purge_run", "ledger_line", "ledger_constants", "policy_shown",
                 "edge_purge", "edge_fault", "question_key"),
         files=("inferencebench.sqlite", "inferencebench.sqlite-wal", "inferencebench.sqlite-shm", "*.lock",
                "policies-shown.json", "canaries.json"),
         personal=False),
)  # fmt: skip


LOG_COPY_DAYS = 7
DATABASE_COPIES = Kind(
    "database-copies", "Copies in the database's log and backups",
    "what was written to the database, as its server logs it to survive a power cut, and in the copies made of both",
    "losing nothing that was accepted", OBLIGATION, None, f"{LOG_COPY_DAYS} days at most after it is erased",
    "when it was written", "deleted with its part of the log, and with the backup",
)  # fmt: skip
"""Of an installation on a server of PostgreSQL, whose log can't be rewritten: erased text stays in it for a while."""


def kinds(*, on_server: bool) -> tuple[Kind, ...]:
    """The rows of an installation: one with its database on a server has one more."""
    return (*KINDS, DATABASE_COPIES) if on_server else KINDS


def start_of(value: int | str) -> int:
    """The second from which a row's age counts: an instant as it is, a UTC day from its midnight."""
    return value if isinstance(value, int) else int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp())


def kind(name: str) -> Kind:
    """The kind of data called ``name``."""
    return next(row for row in KINDS if row.name == name)
