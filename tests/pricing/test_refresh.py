"""Refreshing: what a good answer changes, what a bad one must not, and what is believed when."""

import copy
import json
import os
import random
import resource
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from app.pricing.refresh.refresh_source import refresh_many
from app.storage import engine
from tests import fake_clouds
from tests.conftest import ROOT, database_of
from tests.fake_clouds import Reply, as_json, bomb
from tests.pricing.conftest import Refreshing

LAMBDA = "/api/v1/instance-types"


def lambda_with(**prices: int) -> dict[str, Any]:
    """Lambda's answer with some prices, in cents, changed."""
    answer = copy.deepcopy(fake_clouds.LAMBDA)
    for name, cents in prices.items():
        answer["data"][name]["instance_type"]["price_cents_per_hour"] = cents
    return answer


def many_lambdas(number: int) -> dict[str, Any]:
    return {
        "data": {
            f"gpu_{n}": fake_clouds.lambda_type(f"gpu_{n}", "1x H100 (80 GB SXM5)", 200 + n, 1, ["us-west-1"])
            for n in range(number)
        }
    }


def test_the_first_good_answer_retires_the_providers_shipped_list_and_nothing_stands_twice(
    refreshing: Refreshing,
) -> None:
    shipped = refreshing.rows("SELECT count(*) FROM offer WHERE provider = 'lambda'")[0][0]
    assert shipped > 0
    others = refreshing.rows("SELECT count(*) FROM offer WHERE provider <> 'lambda'")
    assert refreshing("lambda").state == "ok"
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'lambda'") == [("lambda",)]
    assert refreshing.rows("SELECT count(*) FROM offer WHERE provider <> 'lambda'") == others
    for name, offers in refreshing.rows("SELECT name, offers FROM loaded_source"):
        assert refreshing.rows("SELECT count(*) FROM offer WHERE source = ?", name) == [(offers,)]


def test_a_lesser_source_gives_way_to_the_authority_and_stays_away(refreshing: Refreshing) -> None:
    refreshing("gpuhunt")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'verda'") == [("gpuhunt",)]
    refreshing("verda")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'verda'") == [("verda",)]
    refreshing("gpuhunt")
    assert refreshing.rows("SELECT DISTINCT source FROM offer WHERE provider = 'verda'") == [("verda",)]
    assert ("gpuhunt", "not-authority") in refreshing.rows("SELECT source, reason FROM set_aside")


def test_an_unchanged_price_raises_no_version_and_keeps_since_when(refreshing: Refreshing) -> None:
    refreshing("lambda")
    first = refreshing.rows("SELECT id, price_since, fetched_at FROM offer WHERE source = 'lambda' ORDER BY id")
    assert refreshing.raised(lambda: refreshing("lambda")) == set()
    again = refreshing.rows("SELECT id, price_since, fetched_at FROM offer WHERE source = 'lambda' ORDER BY id")
    assert [row[:2] for row in again] == [row[:2] for row in first]
    assert all(b[2] >= a[2] for a, b in zip(first, again, strict=True))


@pytest.mark.sqlite_only
def test_since_when_a_price_stands_is_known_from_the_first_answer_on_and_anew_with_each_change(
    refreshing: Refreshing,
) -> None:
    def since(product: str) -> tuple[str, str]:
        ((day, seen),) = refreshing.rows(
            "SELECT DISTINCT price_since, date(fetched_at, 'unixepoch') FROM offer WHERE product = ?", product
        )
        return day, seen

    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        refreshing("lambda")
        assert since("gpu_1x_a10") == ("2026-11-20", "2026-11-20")
    with time_machine.travel(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=True):
        refreshing("lambda")
        assert since("gpu_1x_a10") == ("2026-11-20", "2026-11-22"), "confirmed, not changed"
        refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_a10=80)
        refreshing("lambda")
        assert since("gpu_1x_a10") == ("2026-11-22", "2026-11-22")
        assert since("gpu_8x_h100_sxm5") == ("2026-11-20", "2026-11-22")


def test_a_rate_that_moves_is_no_change_of_what_a_provider_asks(refreshing: Refreshing) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        refreshing("ecb")
        refreshing("ovhcloud")
        before = refreshing.rows("SELECT usd_per_gpu_hour_micro FROM offer WHERE source = 'ovhcloud' ORDER BY id")
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=True):
        dearer = fake_clouds.ECB.replace('rate="1.1500"', 'rate="1.2000"').replace("2026-11-20", "2026-11-21")
        refreshing.server.answers["/stats/eurofxref/eurofxref-daily.xml"] = Reply(dearer.encode())
        refreshing("ecb")
        refreshing("ovhcloud")
        after = refreshing.rows("SELECT usd_per_gpu_hour_micro FROM offer WHERE source = 'ovhcloud' ORDER BY id")
        assert all(now > then for (now,), (then,) in zip(after, before, strict=True))
        assert refreshing.rows("SELECT DISTINCT price_since FROM offer WHERE source = 'ovhcloud'") == [("2026-11-20",)]


def test_a_changed_price_raises_only_what_it_touched(refreshing: Refreshing) -> None:
    refreshing("lambda")
    refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_a10=80)
    raised = refreshing.raised(lambda: refreshing("lambda"))
    assert raised == {"offers", "gpu:a10-24gb", "provider:lambda", "history"}
    refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_a10=81)
    assert refreshing.raised(lambda: refreshing("lambda")) == {"offers", "gpu:a10-24gb", "provider:lambda", "history"}


def test_a_change_of_stock_is_shown_and_counted(refreshing: Refreshing) -> None:
    refreshing("lambda")
    answer = lambda_with()
    answer["data"]["gpu_8x_h100_sxm5"]["regions_with_capacity_available"] = [{"name": "us-east-1"}]
    refreshing.server.answers[LAMBDA] = answer
    raised = refreshing.raised(lambda: refreshing("lambda"))
    assert {"tally", "gpu:h100-sxm-80gb"} <= raised
    assert refreshing.rows("SELECT stock, region FROM offer WHERE product = 'gpu_8x_h100_sxm5'") == [
        ("in", "us-east-1")
    ]


BAD = {
    "html": Reply(b"<html>hi</html>", headers={"content-type": "text/html"}), "empty": as_json({"data": {}}),
    "schema": as_json({"items": []}),
    "list": as_json([]), "500": Reply(b"", 500), "401": Reply(b"", 401), "429": Reply(b"", 429, {"retry-after": "900"}),
    "cut": Reply(json.dumps(fake_clouds.LAMBDA).encode(), cut=True),
    "bomb": bomb(200_000_000), "null": as_json({"data": {"a": None, "b": {"instance_type": None}}}),
    "redirect": Reply(b"", 302, {"location": "https://elsewhere.example.org/"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_leaves_the_last_good_offers_and_says_why(refreshing: Refreshing, kind: str) -> None:
    refreshing("lambda")
    before = refreshing.rows("SELECT * FROM offer ORDER BY id")
    refreshing.server.answers[LAMBDA] = BAD[kind]
    outcome = refreshing("lambda")
    assert outcome.state == "failed"
    assert outcome.retry_after == (900 if kind == "429" else None)
    assert refreshing.rows("SELECT * FROM offer ORDER BY id") == before
    error, at = refreshing.rows("SELECT error, error_at FROM loaded_source WHERE name = 'lambda'")[0]
    assert error == outcome.note != ""
    assert at
    assert refreshing.raised(lambda: refreshing("lambda")) == set(), "the same failure again is no news"
    refreshing.server.answers[LAMBDA] = fake_clouds.LAMBDA
    assert refreshing("lambda").state == "ok"
    assert refreshing.rows("SELECT error FROM loaded_source WHERE name = 'lambda'") == [("",)]


def test_a_half_empty_answer_is_believed_after_three_that_agree_or_when_accepted(refreshing: Refreshing) -> None:
    refreshing.server.answers[LAMBDA] = many_lambdas(20)
    refreshing("lambda")
    refreshing.server.answers[LAMBDA] = many_lambdas(9)
    for _ in range(2):
        assert refreshing("lambda").state == "failed"
        assert refreshing.rows("SELECT count(*) FROM offer WHERE source = 'lambda'") == [(20,)]
    refreshing.server.answers[LAMBDA] = many_lambdas(4)
    assert refreshing("lambda").state == "failed", "another number does not agree"
    for state in ("failed", "ok"):
        assert refreshing("lambda").state == state
    assert refreshing.rows("SELECT count(*) FROM offer WHERE source = 'lambda'") == [(4,)]
    refreshing.server.answers[LAMBDA] = many_lambdas(1)
    assert refreshing("lambda").state == "failed"
    assert refreshing("lambda", accept=True).state == "ok"
    assert refreshing.rows("SELECT count(*) FROM offer WHERE source = 'lambda'") == [(1,)]


def test_a_half_empty_provider_does_not_freeze_the_others_of_its_source(refreshing: Refreshing) -> None:
    refreshing("gpuhunt")
    rows = {
        **fake_clouds.GPUHUNT,
        "gcp": [
            (*fake_clouds.GPUHUNT["gcp"][0][:2], 90.0, *fake_clouds.GPUHUNT["gcp"][0][3:]),
            fake_clouds.GPUHUNT["gcp"][1],
        ],
        "aws": [],
    }

    def answer(asked: fake_clouds.Asked) -> Reply:
        name = asked.path.split("/")[2]
        return Reply(b"v2") if asked.path.endswith("version") else Reply(fake_clouds.catalogue_zip(name, rows[name]))

    refreshing.server.answers["/v3/*"] = answer
    outcome = refreshing("gpuhunt")
    assert outcome.state == "failed"
    assert outcome.note.startswith("aws: an empty answer")
    assert refreshing.rows("SELECT count(*) FROM offer WHERE provider = 'aws'")[0][0] == 3
    asked = (
        "SELECT usd_per_instance_hour_micro FROM offer WHERE provider = 'gcp' AND tier = 'on-demand' "
        "AND source = 'gpuhunt'"
    )
    assert refreshing.rows(asked) == [(90_000_000,)]


def test_a_price_that_leaps_is_held_until_the_next_fetch_says_the_same(refreshing: Refreshing) -> None:
    def price() -> int:
        return int(refreshing.rows("SELECT usd_per_gpu_hour_micro FROM offer WHERE product = 'gpu_1x_a10'")[0][0])

    refreshing("lambda")
    refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_a10=760)
    assert refreshing("lambda").state == "ok"
    assert price() == 750_000
    assert refreshing.rows("SELECT reason FROM set_aside WHERE source = 'lambda'") == [("held",)]
    refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_a10=900)
    refreshing("lambda")
    assert price() == 750_000, "another leap is not a confirmation"
    refreshing("lambda")
    assert price() == 9_000_000
    assert refreshing.rows("SELECT count(*) FROM held_price") == [(0,)]
    assert refreshing.rows("SELECT count(*) FROM set_aside WHERE source = 'lambda'") == [(0,)]


def test_an_absurd_price_is_set_aside_by_what_others_ask(refreshing: Refreshing) -> None:
    refreshing.server.answers[LAMBDA] = lambda_with(gpu_1x_h100_sxm5=90_000)
    refreshing("lambda")
    assert {row[0] for row in refreshing.rows("SELECT reason FROM set_aside WHERE source = 'lambda'")} == {"absurd"}


def test_euro_prices_fetch_their_rate_first_and_fail_clearly_without_one(refreshing: Refreshing) -> None:
    path = "/stats/eurofxref/eurofxref-daily.xml"
    good = refreshing.server.answers[path]
    refreshing.server.answers[path] = Reply(b"", 503)
    outcome = refreshing("scaleway")
    assert outcome.state == "failed"
    assert "no exchange rate for EUR" in outcome.note
    refreshing.server.answers[path] = good
    assert refreshing("scaleway").state == "ok"
    assert refreshing.rows("SELECT DISTINCT currency, exchange_rate_date FROM offer WHERE source = 'scaleway'") == [
        ("EUR", "2026-11-20")
    ]
    refreshing.server.answers[path] = Reply(fake_clouds.ECB.replace("1.1500", "11.500").encode())
    outcome = refreshing("ecb")
    assert outcome.state == "failed"
    assert "not believed" in outcome.note


@pytest.mark.sqlite_only
def test_two_refreshes_of_one_source_never_run_at_once(refreshing: Refreshing) -> None:
    locks = refreshing.settings.data_dir / "locks"
    locks.mkdir(exist_ok=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", (f"import fcntl,time; f=open({str(locks / 'lambda.lock')!r},'w'); fcntl.flock(f, "
                               f"fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)")],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout
    holder.stdout.readline()
    assert refreshing("lambda").state == "busy"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert refreshing("lambda").state == "ok"


def test_what_is_asked_holds_nothing_of_any_visitor_and_each_key_goes_to_its_own_provider(
    refreshing: Refreshing,
) -> None:
    """P-6: the requests of a whole refresh are addresses, our name and the operator's keys, nothing else."""
    names = [name for name in fake_clouds.NAMES if name != "ecb"]
    engine.run(refresh_many(names, refreshing.settings))
    allowed = {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
        "authorization",
        "x-api-key",
        "api_key",
        "content-type",
        "content-length",
    }
    for asked in refreshing.server.asked:
        assert {name.lower() for name in asked.headers} <= allowed
        assert "cookie" not in {name.lower() for name in asked.headers}
        keys = [name for name in fake_clouds.KEYED if f"key-of-{name}" in asked.everything]
        assert len(keys) <= 1
        assert not keys or asked.path == {"lambda": LAMBDA, "shadeform": "/v1/instances/types",
            "primeintellect": "/api/v1/availability/gpus",
            "digitalocean": "/v2/sizes", "hot_aisle": asked.path if asked.path.startswith("/api/teams/acme/") else "",
                                          "tensordock": "/api/v2/locations",
                                          "novita": "/gpu-instance/openapi/v1/products",
                                          "hyperstack": asked.path}[keys[0]]  # fmt: skip


@pytest.mark.sqlite_only
def test_a_full_disk_fails_the_refresh_with_its_reason_and_the_offers_stay(refreshing: Refreshing) -> None:
    refreshing("lambda")
    before = refreshing.rows("SELECT count(*) FROM offer")
    refreshing.server.answers[LAMBDA] = many_lambdas(6000)
    size = max(path.stat().st_size for path in refreshing.settings.data_dir.iterdir() if path.is_file())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, limits[1]))
    try:
        outcome = refreshing("lambda")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outcome.state == "failed"
    assert "could not be stored" in outcome.note
    assert refreshing.rows("SELECT count(*) FROM offer") == before
    assert refreshing.rows("PRAGMA integrity_check") == [("ok",)]


def mangle(value: Any, chance: random.Random) -> Any:
    """A copy of an answer with something wrong in it."""
    junk: list[Any] = [
        None,
        "",
        "NaN",
        -1,
        0,
        1e308,
        10**30,
        [],
        {},
        True,
        "free",
        "<script>",
        "\u202e",
        "1e-9",
        float("inf"),
        "9" * 60,
    ]
    if chance.random() < 0.06:
        return chance.choice(junk)
    if isinstance(value, dict):
        kept = {key: mangle(item, chance) for key, item in value.items() if chance.random() > 0.03}
        return {**kept, chance.choice(["price", "x", ""]): chance.choice(junk)} if chance.random() < 0.05 else kept
    if isinstance(value, list):
        found = [mangle(item, chance) for item in value if chance.random() > 0.05]
        return found * 2 if chance.random() < 0.03 else found
    return value


FUZZED = {"lambda": (LAMBDA, fake_clouds.LAMBDA), "akash": ("/v1/gpu-prices", fake_clouds.AKASH),
          "ovhcloud": ("/1.0/order/catalog/public/cloud", fake_clouds.OVH),
          "scaleway": ("/instance/v1/zones/fr-par-2/products/servers", fake_clouds.SCALEWAY),
          "shadeform": ("/v1/instances/types", fake_clouds.SHADEFORM),
          "hyperstack": ("/v1/core/flavors", fake_clouds.HYPERSTACK),
          "tensordock": ("/api/v2/locations", fake_clouds.TENSORDOCK), "runpod": ("/graphql", fake_clouds.RUNPOD),
          "verda": ("/v1/instance-types", fake_clouds.VERDA), "vultr": ("/v2/plans", fake_clouds.VULTR)}  # fmt: skip


@pytest.mark.parametrize("name", FUZZED)
def test_a_hundred_fuzzed_answers_crash_nothing_and_show_no_bad_row(refreshing: Refreshing, name: str) -> None:
    """With ten sources: a thousand answers."""
    path, good = FUZZED[name]
    refreshing("ecb")
    assert refreshing(name).state == "ok"
    chance = random.Random(name)

    async def hundred() -> list[str]:
        from app.pricing.refresh.refresh_source import refresh

        states = []
        for _ in range(100):
            body = json.dumps(mangle(good, chance)).encode()
            if chance.random() < 0.1:
                body = body[: chance.randrange(len(body) + 1)]
            refreshing.server.answers[path] = Reply(body, headers={"content-type": "application/json"})
            outcome = await refresh(name, refreshing.settings)
            assert not outcome.note.startswith("failed: "), outcome.note
            states.append(outcome.state)
        return states

    states = engine.run(hundred())
    assert set(states) <= {"ok", "failed"}
    rows = refreshing.rows(
        "SELECT usd_per_gpu_hour_micro, usd_per_instance_hour_micro, gpu_count_number, gpu, region, product FROM offer "
        "WHERE source = ?",
        name,
    )
    assert rows, "the last good offers stay"
    for micro, instance, count, _, region, product in rows:
        assert 1_000 <= micro <= 2_000_000_000
        assert instance is None or instance > 0
        assert count is None or 0 < count <= 1024
        assert "\u202e" not in region + product
    assert engine.ENGINE.engine_type != "sqlite" or refreshing.rows("PRAGMA integrity_check") == [("ok",)]


def command(refreshing: Refreshing, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **refreshing.server.environment(),
        **database_of(refreshing.settings),
        "COLUMNS": "120",
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "app", "refresh", *arguments],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_says_what_came_and_fails_if_any_source_did(refreshing: Refreshing) -> None:
    good = command(refreshing, "lambda", "verda")
    assert good.returncode == 0, good.stderr
    assert "lambda" in good.stdout
    assert "ok" in good.stdout
    refreshing.server.answers["/v1/instance-types"] = Reply(b"", 500)
    bad = command(refreshing, "lambda", "verda")
    assert bad.returncode == 1
    assert "server error" in bad.stdout
    unknown = command(refreshing, "lamda")
    assert unknown.returncode == 2
    assert "did you mean lambda" in unknown.stderr
    missing = command(refreshing, "tensordock", INFERENCEBENCH_SOURCE_TENSORDOCK_KEY="")
    assert missing.returncode == 0, "a source without its key is not configured, which is no error"
    assert "INFERENCEBENCH_SOURCE_TENSORDOCK_KEY" in missing.stdout


def test_every_choice_of_a_filter_that_a_source_brings_leads_to_its_offers(refreshing: Refreshing) -> None:
    from app.pricing.offers.tally_store import count
    from app.pricing.search.parse_query import parse

    for name in ("tensordock", "primeintellect", "vast", "scaleway"):
        refreshing(name)
    regions = [row[0] for row in refreshing.rows("SELECT DISTINCT region FROM offer WHERE region <> ''")]
    assert "Austin, Texas, United States" in regions
    for region in regions:
        query = parse([("region", region)])
        assert engine.run(count(query)) > 0, region
