"""Which source speaks for a provider, and what the one that gave way said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock
from app.pricing.offers.disagreements import disagreements
from app.pricing.offers.offer import Reason
from app.pricing.refresh.authority import Recency, refusal
from app.pricing.refresh.refresh_source import refresh_many
from app.pricing.sources import AUTHORITIES
from app.storage import engine
from tests import fake_clouds
from tests.conftest import Inside
from tests.database import execute
from tests.pricing.conftest import Refreshing

pytestmark = pytest.mark.both_engines

NOW = 1_000_000
FRESH = NOW + 1


@pytest.mark.parametrize(
    ("name", "mine", "others", "live", "reason"),
    [
        # the better source is current
        ("karpenter", Recency(NOW, FRESH), {"gpuhunt": Recency(NOW - 9, FRESH)}, {"gpuhunt"}, Reason.NOT_AUTHORITY),
        # it is stale, and what comes is newer
        ("karpenter", Recency(NOW, FRESH), {"gpuhunt": Recency(NOW - 9, NOW)}, {"gpuhunt"}, None),
        # it is stale, but newer still
        ("karpenter", Recency(NOW - 10, NOW), {"gpuhunt": Recency(NOW - 9, NOW)}, {"gpuhunt"}, Reason.NOT_AUTHORITY),
        # a worse source, or a shipped list, stands with what was seen later
        ("gpuhunt", Recency(NOW - 10, NOW), {"karpenter": Recency(NOW - 9, NOW)}, {"karpenter"}, Reason.SUPERSEDED),
        ("gpuhunt", Recency(NOW - 10, NOW), {"price-index": Recency(NOW - 9, NOW)}, set(), Reason.SUPERSEDED),
        # but current prices go before
        ("gpuhunt", Recency(NOW - 10, FRESH), {"karpenter": Recency(NOW - 9, FRESH)}, {"karpenter"}, None),
        ("gpuhunt", Recency(NOW - 9, NOW), {"price-index": Recency(NOW - 10, NOW)}, set(), None),
        ("gpuhunt", Recency(NOW, FRESH), {}, set(), None),
        ("vultr", Recency(NOW, FRESH), {}, set(), Reason.NOT_AUTHORITY),
    ],
)
def test_who_speaks_for_aws(name: str, mine: Recency, others: Any, live: Any, reason: Reason | None) -> None:
    refused = refusal(name, "aws", mine, others, frozenset(live), NOW)
    assert (refused[0] if refused else None) == reason


ANSWER = st.tuples(st.sampled_from(AUTHORITIES["aws"]), st.integers(0, 200), st.integers(0, 90), st.integers(1, 120))
"""Who answers, hours after the answer before, how many hours ago its prices were seen, and how long they count."""


@given(st.lists(ANSWER, max_size=40))
def test_no_price_is_older_than_a_newer_one_of_another_source(answers: list[tuple[str, int, int, int]]) -> None:
    """However sources answer, be silent and answer late: once one has said what it saw, nobody's stale older price
    stands, and one source speaks."""
    now, speaking = NOW, dict[str, Recency]()
    for name, later, ago, lasts in answers:
        now += later
        mine = Recency(now - ago, now - ago + lasts)
        others = {source: standing for source, standing in speaking.items() if source != name}
        if refusal(name, "aws", mine, others, frozenset(AUTHORITIES["aws"]), now) is None:
            speaking = {name: mine}
        else:
            speaking = others
        ((source, told),) = speaking.items()
        assert told.stale_at > now or told.seen_at >= max(one.seen_at for one in (mine, *others.values())), source


def prices(refreshing: Refreshing, provider: str) -> dict[str, int]:
    """Source → lowest price of the provider's H100 on demand."""
    return dict(refreshing.rows(
        "SELECT source, min(usd_per_gpu_hour_micro) FROM offer WHERE provider = ? AND gpu = 'h100-sxm-80gb' AND tier = "
        "'on-demand' GROUP BY 1", provider))  # fmt: skip


def test_what_gave_way_is_kept_and_told_where_it_differs(refreshing: Refreshing) -> None:
    refreshing("runpod")
    assert refreshing.raised(lambda: refreshing("gpu_price_feed")) >= {"sources", "provider:runpod"}
    now = clock.timestamp()
    found = {(d.provider, d.gpu): d for d in engine.run(disagreements(now))}
    told = found["runpod", "h100-sxm-80gb"]
    assert (told.shown.source, told.shown.micro) == ("runpod", 2_390_000)
    assert (told.other.source, told.other.micro) == ("gpu_price_feed", 2_690_000)
    assert told.apart == pytest.approx(0.1255, abs=1e-3)
    assert engine.run(disagreements(now, "runpod")) == [d for d in found.values() if d.provider == "runpod"]
    assert refreshing.raised(lambda: refreshing("gpu_price_feed")) & {"sources", "provider:runpod"} == set()

    async def pages(client: Any) -> None:
        for path in ("/status", "/providers/runpod"):
            page = " ".join((await client.get(path)).text.split())
            part = page[page.index("Where sources differ") :]
            assert part.index("$2.39") < part.index("runpod, <time") < part.index("$2.69"), path
            assert "gpu_price_feed, <time" in part
            assert "+13%" in part

    Inside(refreshing.settings).run(pages)


def test_prices_within_a_twentieth_are_no_difference(refreshing: Refreshing) -> None:
    refreshing("runpod")
    near = fake_clouds.feed_offer("runpod", "H100 80GB SXM", "NVIDIA H100 80GB HBM3", 2.5, notes="community cloud")
    feed = fake_clouds.price_feed(None)  # type: ignore[arg-type]
    import json

    answer = json.loads(feed.body) | {"offers": [near]}
    refreshing.server.answers["/toolshedlabs-hash/gpu-price-feed/main/data/prices.json"] = answer
    assert refreshing("gpu_price_feed").state == "ok", "to give way is no failure"
    assert refreshing.rows("SELECT count(*) FROM source_claim") == [(1,)]
    assert [d for d in engine.run(disagreements(clock.timestamp())) if d.provider == "runpod"] == []


def test_a_source_that_is_put_out_leaves_what_it_said(refreshing: Refreshing) -> None:
    refreshing("gpu_price_feed")
    said = prices(refreshing, "runpod")
    assert list(said) == ["gpu_price_feed"]
    refreshing("runpod")
    assert list(prices(refreshing, "runpod")) == ["runpod"]
    assert ("gpu_price_feed", said["gpu_price_feed"]) in refreshing.rows(
        "SELECT source, usd_per_gpu_hour_micro FROM source_claim WHERE provider = 'runpod'")  # fmt: skip


def test_a_better_source_that_has_been_silent_for_days_gives_way_and_comes_back(refreshing: Refreshing) -> None:
    refreshing("runpod")
    past = clock.timestamp() - 3 * 86_400

    async def silent() -> None:
        async with engine.transaction():
            await execute("UPDATE offer SET fetched_at = ?, stale_at = ? WHERE source = 'runpod'", past, past + 9)

    engine.run(silent())
    refreshing("gpu_price_feed")
    assert list(prices(refreshing, "runpod")) == ["gpu_price_feed"]
    refreshing("runpod")
    assert list(prices(refreshing, "runpod")) == ["runpod"]


def test_of_sources_that_answer_at_once_one_speaks_for_each_provider(refreshing: Refreshing) -> None:
    names = [name for name in fake_clouds.NAMES if name not in ("ecb", "gpuhunt_live")]
    for _ in range(2):
        outcomes = engine.run(refresh_many(names, refreshing.settings))
        speaking = dict(
            refreshing.rows(
                "SELECT provider, count(DISTINCT source) FROM offer WHERE source IN (SELECT name FROM loaded_source "
                "WHERE live) GROUP BY provider"
            )
        )
        assert set(speaking.values()) == {1}
        assert not [one.note for one in outcomes if "an empty answer where" in one.note]


def test_what_stands_of_a_source_that_gave_way_goes_without_a_fault(refreshing: Refreshing) -> None:
    refreshing("runpod")

    async def beside() -> None:  # as two processes may leave it
        async with engine.transaction():
            await execute(
                "UPDATE offer SET source = 'gpu_price_feed' WHERE id = (SELECT min(id) FROM offer WHERE "
                "source = 'runpod')"
            )

    engine.run(beside())
    outcome = refreshing("gpu_price_feed")
    assert (outcome.state, outcome.note) == ("ok", "")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'runpod'") == [("runpod",)]


def test_a_catalogue_that_is_no_longer_renewed_turns_stale_and_gives_way(refreshing: Refreshing) -> None:
    from app.pricing.sources.gpuhunt_catalogue import made_at

    def frozen(asked: Any) -> Any:
        return fake_clouds.Reply(b"20261001-3") if asked.path.endswith("version") else fake_clouds.gpuhunt(asked)

    refreshing.server.answers["/v3/*"] = frozen
    refreshing("gpuhunt")
    last = clock.parse_instant("2026-10-01T23:59:59Z").timestamp()
    newest = "SELECT max(fetched_at) FROM offer WHERE source = 'gpuhunt'"
    assert refreshing.rows(newest) in ([(last,)], [(None,)])
    refreshing("karpenter")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'aws'") == [("karpenter",)]
    refreshing("gpuhunt")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'aws'") == [("karpenter",)]
    del refreshing.server.answers["/v3/*"]
    refreshing.server.answers["/v3/*"] = fake_clouds.gpuhunt
    refreshing("gpuhunt")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'aws'") == [("gpuhunt",)]
    assert made_at("v1", 7) == made_at("20269999-1", 7) == made_at("20300101-1", 7) == 7


def test_every_cloud_says_how_its_prices_come_or_that_no_program_can_read_them() -> None:
    from app.catalog.facts import providers
    from app.pricing.snapshot import files
    from app.pricing.sources import AUTHORITIES
    from app.site.gpus_and_providers import _reach

    silent = {slug for slug in providers() if "no machine-readable prices" in _reach(slug)}
    assert silent == set(providers()) - set(AUTHORITIES) - set(files.about()["providers"])
    assert all(_reach(slug) for slug in providers())
