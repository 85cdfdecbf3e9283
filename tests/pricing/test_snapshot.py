"""The shipped snapshot accounts for every raw row and is what our own normaliser makes."""

from collections import Counter
from pathlib import Path

from app.pricing.offers.offer import Reason, Tier
from app.pricing.snapshot import files
from tests.conftest import DATA
from tools import make_snapshot


def test_every_one_of_the_593_rows_is_kept_or_set_aside_with_a_reason() -> None:
    about = files.about()
    assert about["rows_read"] == 593
    assert len(files.offers()) + len(files.set_aside()) == 593
    assert all(Reason(row["reason"]) and row["detail"] for row in files.set_aside())


def test_no_offer_stands_twice() -> None:
    assert max(Counter(offer.id for offer in files.offers()).values()) == 1


def test_the_shipped_files_are_what_the_normaliser_makes_of_the_raw_lists(tmp_path: Path) -> None:
    make_snapshot.write(DATA / "prices", tmp_path)
    for name in ("offers.csv", "set_aside.csv", "history.csv", "about.json"):
        assert (tmp_path / name).read_bytes() == (files.FOLDER / name).read_bytes(), name


def test_reading_and_writing_a_row_loses_nothing() -> None:
    assert files.offers() == list(make_snapshot.make(DATA / "prices").offers)


def test_an_estimated_price_is_never_shown() -> None:
    aside = Counter(row["reason"] for row in files.set_aside())
    assert aside["estimated"] == 14
    assert not [o for o in files.offers() if o.provider == "jarvis-labs" and o.tier is Tier.SPOT]


def test_a_term_that_the_list_got_wrong_is_not_repeated() -> None:
    calendar = [o for o in files.offers() if "Calendar Mode" in o.product or "DWS" in o.product]
    assert calendar
    assert {(o.tier, o.commitment_months) for o in calendar} == {(Tier.RESERVED, None)}
    committed = [o for o in files.offers() if o.product.startswith("Commitment v1")]
    assert {o.commitment_months for o in committed} == {12, 36}


def test_a_cards_price_without_its_host_says_so() -> None:
    assert {o.price_includes for o in files.offers() if o.provider == "gcp"} == {"gpu"}
    assert {o.price_excludes for o in files.offers() if o.provider == "coreweave"} == {"host"}


def test_price_since_is_the_first_day_of_the_unbroken_run_and_never_after_it_was_seen() -> None:
    assert all(o.price_since <= str(files.about()["sources"][o.source]["day"]) for o in files.offers())
    azure = [o for o in files.offers() if o.provider == "azure" and o.gpu == "h100-nvl-94gb"]
    assert min(o.price_since for o in azure) == "2026-05-21"
