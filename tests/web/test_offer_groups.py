"""How a table of offers is grouped: current before stale where both are, terms apart, and one sentence where all are
stale."""

from typing import Any

from app.pricing.offers.market_store import Kind
from app.site import offer_groups

NOW = 1000


def offer(price: int, stale_at: int, rank: int = 0, months: int | None = None) -> dict[str, Any]:
    return {"id": f"{price}-{stale_at}-{rank}", "usd_per_gpu_hour_micro": price, "stale_at": stale_at,
            "rank_group": rank, "commitment_months": months, "fetched_at": price,
            "reclaim_low": None, "reliability": None}  # fmt: skip


def first_of(rows: list[dict[str, Any]], most: int) -> dict[str, Any]:
    """As a page asks: the first rows in the order of the price table, and the kinds that all of them make."""
    kinds = [Kind("s", "p", "g", "on-demand", row["commitment_months"], 1, "", row["stale_at"], 1,
                  row["usd_per_gpu_hour_micro"], row["id"], row["fetched_at"], row["fetched_at"])
             for row in rows]  # fmt: skip
    order = sorted(rows, key=lambda row: (row["stale_at"] <= NOW, row["rank_group"], row["usd_per_gpu_hour_micro"]))
    return offer_groups.first_of(order[:most], kinds, NOW)


FRESH, OLD, TERM = offer(5, NOW + 1), offer(1, NOW), offer(2, NOW, 12, 12)


def test_current_offers_stand_before_cheaper_stale_ones_and_terms_apart() -> None:
    found = first_of([OLD, TERM, FRESH], 50)
    assert [rows for _, rows in found["found"]] == [[FRESH], [OLD], [TERM]]
    headings = [name.striptags() for name, _ in found["found"]]
    assert headings[0] == "Current"
    assert headings[1].startswith("Stale")
    assert headings[2] == "Reserved, 12 months, stale"
    assert (found["stale_count"], found["all_stale"]) == (2, False)


def test_where_all_are_stale_no_group_says_it_again() -> None:
    found = first_of([TERM, OLD], 50)
    assert [(name.striptags(), rows) for name, rows in found["found"]] == [("", [OLD]), ("Reserved, 12 months", [TERM])]
    assert (found["all_stale"], found["seen_from"], found["seen_to"]) == (True, 1, 2)
    assert first_of([FRESH], 50)["all_stale"] is False


def test_the_first_ones_are_the_cheapest_of_the_best_group() -> None:
    many = [offer(price, NOW + 1) for price in (9, 3, 7)] + [OLD]
    found = first_of(many, 2)
    assert [row["usd_per_gpu_hour_micro"] for _, rows in found["found"] for row in rows] == [3, 7]
    assert (found["shown"], found["total"], found["stale_count"]) == (2, 4, 1)
