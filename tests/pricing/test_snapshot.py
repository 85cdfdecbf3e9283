"""The shipped snapshot accounts for every raw row and is what our own normaliser makes."""

import gzip
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from app.core import clock
from app.pricing.offers.normalise import normalise
from app.pricing.offers.normalise_batch import normalise_batch
from app.pricing.offers.offer import REASONS, Offer, Reason, Tier
from app.pricing.snapshot import files
from tests.conftest import DATA
from tools import autumn_lists, make_snapshot

READ = {"gpu-pricing": 310, "daily-list": 283, "price-feed": 162, "price-index": 161, "karpenter-aws": 93,
        "karpenter-azure": 1412, "karpenter-gcp": 768}  # fmt: skip
"""How many rows each publisher's list holds, counted by hand with ``wc -l`` and ``jq``."""


def test_every_row_of_every_list_is_kept_or_set_aside_with_a_reason() -> None:
    shown = Counter(offer.source for offer in files.offers())
    aside = Counter(row["source"] for row in files.set_aside())
    assert shown + aside == READ
    about = files.about()
    assert about["rows_read"] == sum(READ.values())
    assert {name: facts["rows_read"] for name, facts in about["sources"].items()} == READ
    assert all(Reason(row["reason"]) and row["detail"] for row in files.set_aside())


AUTUMN = {"aws_ondemand_2026-07-20_karpenter.csv": 93, "aws_ondemand_changes_2023-2026_karpenter.csv": 97,
          "azure_ondemand_2026-06-18_karpenter.csv": 1412, "gcp_2026-08-03_karpenter.csv": 768,
          "gcp_changes_2026-05_2026-08_karpenter.csv": 2337, "gpu-price-feed_2026-10-03.json": 162,
          "gpu-price-index_2026-10-10.csv": 161}  # fmt: skip
"""Rows of each file of the autumn, as its README counts them."""


def test_every_file_of_the_autumn_is_read_row_by_row_and_each_row_has_one_end() -> None:
    folder = DATA / "prices" / "autumn"
    assert {path.name.removesuffix(".gz") for path in folder.iterdir()} == set(AUTUMN)
    raws = autumn_lists.raw_offers(folder)
    listed = Counter(raw.reference.split(":")[0] for raw in raws)
    assert listed == {name: n for name, n in AUTUMN.items() if "changes" not in name}
    assert len({raw.reference for raw in raws}) == len(raws)
    now = max(raw.fetched_at for raw in raws)
    batch = normalise_batch(raws, {}, now)
    aside = {item.raw.reference: item for item in batch.set_aside}
    assert len(batch.offers) + len(aside) == len(raws)
    assert all(item.detail and item.reason in REASONS for item in aside.values())
    for raw in raws:  # each by itself is an offer, or told why it is none
        made = normalise(raw, {}, now)
        assert isinstance(made, Offer) or made.detail, raw.reference
    changes = sum(n for name, n in AUTUMN.items() if "changes" in name)
    about = files.about()
    superseded = sum(row["reason"] == "superseded" for row in files.set_aside())
    assert about["history_rows_read"] == changes + DAILY_HISTORY + superseded
    assert all(n > 0 and reason for reason, n in about["history_set_aside"].items())


DAILY_HISTORY = 2067
"""Rows of the daily list of prices from May to June."""


def test_no_providers_best_price_is_older_than_what_another_list_says_since() -> None:
    kinds: dict[tuple[object, ...], list[Offer]] = {}
    for offer in files.offers():
        if offer.gpu_count is None or offer.gpu_count >= 1:
            kinds.setdefault((offer.provider, offer.gpu, offer.tier, offer.commitment_months), []).append(offer)
    for kind, offers in kinds.items():
        best = min(offers, key=lambda offer: offer.usd_per_gpu_hour_micro)
        newer = [offer for offer in offers if offer.source != best.source and offer.fetched_at > best.fetched_at]
        assert not newer, (kind, best, newer[0])


@pytest.mark.parametrize(
    ("provider", "gpu", "dollars", "day"),
    [("verda", "h100-sxm-80gb", "3.7", "2026-10-03"), ("digitalocean", "h100-sxm-80gb", "4.41", "2026-10-03"),
     ("vultr", "l40s-48gb", "1.671", "2026-10-03"), ("lambda", "h100-sxm-80gb", "3.99", "2026-10-10"),
     ("aws", "a10g-24gb", "1.006", "2026-07-20"), ("crusoe", "h200-sxm-141gb", "4.29", "2026-10-10")],
)  # fmt: skip
def test_the_price_on_demand_is_that_of_the_newest_list(provider: str, gpu: str, dollars: str, day: str) -> None:
    asked = [o for o in files.offers() if (o.provider, o.gpu, o.tier) == (provider, gpu, Tier.ON_DEMAND)]
    best = min(asked, key=lambda offer: offer.usd_per_gpu_hour_micro)
    assert Decimal(best.usd_per_gpu_hour_micro).scaleb(-6) == Decimal(dollars)
    assert clock.from_timestamp(best.fetched_at).date().isoformat() == day


def test_oracles_wrong_parts_are_what_its_own_list_says() -> None:
    assert [o.gpu for o in files.offers() if o.product == "B110979"] == ["gb200-nvl-186gb"]
    aside = {row["price"] for row in files.set_aside() if row["provider"] == "OCI" and row["reason"] == "not-an-offer"}
    assert aside == {"3.5", "0.6"}
    assert not [o for o in files.offers() if o.product in ("B110965", "B111454")]


def test_a_statistic_a_slice_and_a_machine_that_is_not_sold_are_no_card() -> None:
    aside = [(row["provider"], row["detail"]) for row in files.set_aside() if row["reason"] == "not-an-offer"]
    assert sum("median" in detail for _, detail in aside) == 8
    assert sum("not on demand" in detail for _, detail in aside) == 48
    assert ("RunPod", "0.5, while the provider's other tier charges 2.39") in aside
    slices = [o for o in files.offers() if "MIG" in o.remark]
    assert {(o.gpu, o.gpu_count, o.usd_per_instance_hour_micro) for o in slices} == {
        ("b300-sxm-288gb", Fraction(1, 7), 500_000), ("rtx-pro-6000-server-96gb", Fraction(1, 4), 590_000),
        ("rtx-pro-6000-server-96gb", Fraction(1, 2), 1_090_000),
    }  # fmt: skip
    oracle = [o for o in files.offers() if o.product == "BM.GPU.H100.8"]
    assert [(o.gpu_count, o.usd_per_gpu_hour_micro, o.usd_per_instance_hour_micro) for o in oracle] == [
        (8, 10_000_000, 80_000_000)
    ]


def test_every_name_of_the_autumn_lists_is_a_card_or_refused_in_words() -> None:
    unknown = {row["gpu"]: row["detail"] for row in files.set_aside() if row["reason"] == "unknown-gpu"}
    assert set(unknown) == {"Alveo U250", "RTX 3060 12GB Mobile"}
    assert not [detail for detail in unknown.values() if detail.startswith("no accelerator")]


def test_history_begins_in_2023_and_holds_what_changed() -> None:
    h100 = [s for s in files.history() if (s.provider, s.gpu, s.tier) == ("aws", "h100-sxm-80gb", "on-demand")]
    assert [(s.begin, s.until, s.usd_per_gpu_hour_micro) for s in h100] == [
        ("2023-09-18", "2025-06-23", 12_290_000), ("2025-06-23", "2026-07-21", 6_880_000),
    ]  # fmt: skip
    assert {s.provider for s in files.history()} >= {"aws", "gcp", "azure", "oci", "runpod", "vultr"}
    kinds: dict[tuple[object, ...], list[files.PriceSpan]] = {}
    for span in files.history():
        kinds.setdefault((span.provider, span.gpu, span.tier, span.commitment_months, span.region), []).append(span)
    for spans in kinds.values():
        ordered = sorted(spans, key=lambda span: span.begin)
        assert all(one.until <= other.begin for one, other in pairwise(ordered)), "one price at a time"


def test_no_offer_stands_twice() -> None:
    assert max(Counter(offer.id for offer in files.offers()).values()) == 1


def test_the_shipped_files_are_what_the_normaliser_makes_of_the_raw_lists(tmp_path: Path) -> None:
    make_snapshot.write(DATA / "prices", tmp_path)
    for name in ("offers.csv.gz", "set_aside.csv.gz", "history.csv.gz"):
        made, shipped = (gzip.decompress((folder / name).read_bytes()) for folder in (tmp_path, files.FOLDER))
        assert made == shipped, name
    assert (tmp_path / "about.json").read_text() == (files.FOLDER / "about.json").read_text()


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
    assert {o.price_includes for o in files.offers() if o.provider == "gcp" and o.source == "daily-list"} == {"gpu"}
    assert {o.price_includes for o in files.offers() if o.source.startswith("karpenter")} == {"gpu+host"}
    coreweave = [o for o in files.offers() if o.provider == "coreweave" and o.source == "gpu-pricing"]
    assert {o.price_excludes for o in coreweave} == {"host"}


def test_price_since_is_the_first_day_of_the_unbroken_run_and_never_after_it_was_seen() -> None:
    assert all(o.price_since <= str(files.about()["sources"][o.source]["day"]) for o in files.offers())
    azure = [o for o in files.offers() if o.source == "daily-list" and o.provider == "azure"]
    assert min(o.price_since for o in azure) == "2026-05-21"
