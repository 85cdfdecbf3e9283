"""How a table of offers is grouped: current before stale where both are, terms apart, and one sentence where all are
stale."""

from typing import Any

from app.site import offer_groups

NOW = 1000


def offer(price: int, stale_at: int, rank: int = 0, months: int | None = None) -> dict[str, Any]:
    return {"id": f"{price}-{stale_at}-{rank}", "usd_per_gpu_hour_micro": price, "stale_at": stale_at,
            "rank_group": rank, "commitment_months": months, "fetched_at": price,
            "reclaim_low": None, "reliability": None}  # fmt: skip


FRESH, OLD, TERM = offer(5, NOW + 1), offer(1, NOW), offer(2, NOW, 12, 12)


def test_current_offers_stand_before_cheaper_stale_ones_and_terms_apart() -> None:
    found = offer_groups.first_of([OLD, TERM, FRESH], NOW, 50)
    assert [rows for _, rows in found["found"]] == [[FRESH], [OLD], [TERM]]
    headings = [name.striptags() for name, _ in found["found"]]
    assert headings[0] == "Current"
    assert headings[1].startswith("Stale")
    assert headings[2] == "Reserved, 12 months, stale"
    assert (found["stale_count"], found["all_stale"]) == (2, False)


def test_where_all_are_stale_no_group_says_it_again() -> None:
    found = offer_groups.first_of([TERM, OLD], NOW, 50)
    assert [(name.striptags(), rows) for name, rows in found["found"]] == [("", [OLD]), ("Reserved, 12 months", [TERM])]
    assert (found["all_stale"], found["seen_from"], found["seen_to"]) == (True, 1, 2)
    assert offer_groups.first_of([FRESH], NOW, 50)["all_stale"] is False


def test_the_first_ones_are_the_cheapest_of_the_best_group() -> None:
    many = [offer(price, NOW + 1) for price in (9, 3, 7)] + [OLD]
    found = offer_groups.first_of(many, NOW, 2)
    assert [row["usd_per_gpu_hour_micro"] for _, rows in found["found"] for row in rows] == [3, 7]
    assert (found["shown"], found["total"], found["stale_count"]) == (2, 4, 1)
