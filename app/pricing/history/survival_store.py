"""Survival curves and their scores in the database."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from app.pricing.history.survival import Curve, Score
from app.pricing.offers.tables import SurvivalCurveRow, SurvivalScoreRow
from app.storage.engine import execute, fetch, fetch_value, insert_many


class StoredCurve(NamedTuple):
    """A row of the table of curves; ``steps`` is JSON, see :class:`app.pricing.offers.tables.SurvivalCurveRow`."""

    provider: str
    tier: str
    prices: int
    changes: int
    longest: float
    steps: str

    @property
    def curve(self) -> Curve:
        steps = json.loads(self.steps)
        ages, shares = tuple(age for age, _ in steps), tuple(share for _, share in steps)
        return Curve(ages, shares, self.longest, self.prices, self.changes)


async def replace(curves: Iterable[tuple[str, str, Curve]], scores: Iterable[Score], until: int) -> None:
    """Replace all stored curves, (provider or pool, tier, curve) each, and scores; inside the running transaction."""
    await execute("DELETE FROM survival_curve")
    await execute("DELETE FROM survival_score")
    await insert_many(
        SurvivalCurveRow,
        ("provider", "tier", "until", "prices", "changes", "longest", "steps"),
        ((provider, tier, until, made.prices, made.changes, made.longest,
          json.dumps(list(zip(made.ages, made.shares, strict=True)))) for provider, tier, made in curves),
    )  # fmt: skip
    await insert_many(
        SurvivalScoreRow,
        ("month", "own", "claims", "said", "stood", "brier"),
        ((s.month, s.own, s.claims, s.said, s.stood, s.brier) for s in scores),
    )


async def curves() -> list[StoredCurve]:
    """Every stored curve, by provider and tier; those of all providers together first."""
    return await fetch(
        StoredCurve,
        "SELECT provider, tier, prices, changes, longest, steps FROM survival_curve ORDER BY provider, tier",
    )


async def scores() -> list[Score]:
    """The stored scores, the newest month first."""
    return await fetch(
        Score, "SELECT month, own, claims, said, stood, brier FROM survival_score ORDER BY month DESC, own DESC"
    )


async def until() -> int | None:
    """The second up to which the stored curves include prices; ``None`` if none are stored."""
    found = await fetch_value("SELECT max(until) FROM survival_curve")
    return None if found is None else int(found)
