"""The life of prices under random sequences of what clouds, refreshes, crashes and the clock do.

What must hold: an offer shows its cloud's last good answer; each offer has one open price in the history, and the
prices of one offer don't overlap; the level of a GPU says what was lowest and fresh when a source was last read; a
refresh that fails changes nothing but what is said of it.
"""

import itertools
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.core import clock
from app.core.settings import load
from app.core.units import DAY_S, HOUR_S
from app.pricing.history import record
from app.pricing.refresh.refresh_source import refresh
from app.storage import engine
from tests.conftest import Shipped
from tests.database import tuples
from tests.fake_clouds import Clouds, Reply, clouds, lambda_type, verda_type
from tests.rule_machines import rule_machine_settings

BEGIN = "2026-12-01T00:30:00Z"
GPU = "h100-sxm-80gb"
KINDS = range(1, 5)
CENTS = st.integers(150, 450)


class Prices(RuleBasedStateMachine):
    """Two clouds that rent out one GPU, the site that reads them, and a model of what each last said."""

    shipped: Shipped
    server: Clouds

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.settings = load({**self.server.environment(), **Prices.shipped(self.folder / "data")})
        engine.use(self.settings.database)
        self.travel = time_machine.travel(clock.parse_instant(BEGIN), tick=False)
        self.clock = self.travel.start()
        self.asked = {"verda": dict.fromkeys(KINDS, 229), "lambda": dict.fromkeys(KINDS, 329)}
        self.broken: set[str] = set()
        self.read_at: dict[str, int] = {}
        self.shown: dict[str, dict[int, int]] = {}
        for name in self.asked:
            self.it_is_read(name)

    def teardown(self) -> None:
        self.travel.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async def go() -> list[tuple[Any, ...]]:
            return await tuples(sql, *arguments)

        return engine.run(go())

    # What the clouds do

    @rule(name=st.sampled_from(("verda", "lambda")), gpus=st.sampled_from(KINDS), cents=CENTS)
    def a_price_changes(self, name: str, gpus: int, cents: int) -> None:
        self.asked[name][gpus] = cents

    @rule(name=st.sampled_from(("verda", "lambda")), gpus=st.sampled_from((3, 4)))
    def a_kind_is_offered_no_more(self, name: str, gpus: int) -> None:
        self.asked[name].pop(gpus, None)

    @rule(name=st.sampled_from(("verda", "lambda")), works=st.booleans())
    def a_cloud_breaks_or_is_mended(self, name: str, *, works: bool) -> None:
        (self.broken.discard if works else self.broken.add)(name)

    def _answer(self, name: str) -> Any:
        if name in self.broken:
            return Reply(b"", 500)
        prices = self.asked[name].items()
        if name == "verda":
            return [verda_type(f"{n}H100", "H100 SXM5", n, 80 * n, f"{cents * n / 100:.2f}", "") for n, cents in prices]
        return {"data": {f"gpu_{n}x": lambda_type(f"gpu_{n}x", f"{n}x H100 (80 GB SXM5)", cents * n, n, ["us-west-1"])
                         for n, cents in prices}}  # fmt: skip

    # What the site does

    def _dump(self) -> list[Any]:
        return [self._rows(f"SELECT * FROM {name} ORDER BY 1, 2, 3")
                for name in ("offer", "price_span", "price_level", "price_move")]  # fmt: skip

    @rule(name=st.sampled_from(("verda", "lambda")))
    def it_is_read(self, name: str) -> None:
        self.server.answers["/v1/instance-types" if name == "verda" else "/api/v1/instance-types"] = self._answer(name)
        before = self._dump() if name in self.broken else []
        outcome = engine.run(refresh(name, self.settings))
        if name in self.broken:
            assert outcome.state == "failed"
            assert self._dump() == before, "an answer that is none changes no price"
            return
        assert outcome.state == "ok", outcome.note
        self.shown[name], self.read_at[name] = dict(self.asked[name]), clock.timestamp()
        self._level_is_right()

    @rule(
        name=st.sampled_from(("verda", "lambda")), step=st.sampled_from(("record_moves", "record_levels", "open_spans"))
    )
    def the_site_fails_while_it_writes(self, name: str, step: str) -> None:
        self.server.answers["/v1/instance-types" if name == "verda" else "/api/v1/instance-types"] = self._answer(name)
        before = self._dump()

        async def cut_off(*_: Any) -> None:
            raise RuntimeError("cut off")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record, step, cut_off)
            outcome = engine.run(refresh(name, self.settings))
        if outcome.state == "failed":
            assert self._dump() == before, "half of an answer was written"
        else:  # nothing had changed, so the step was not needed
            assert name not in self.broken
            self.shown[name], self.read_at[name] = dict(self.asked[name]), clock.timestamp()

    @rule(hours=st.sampled_from((0, 1, 5, 12, 25, 50)), seconds=st.integers(1, HOUR_S))
    def time_passes(self, hours: int, seconds: int) -> None:
        self.clock.shift(hours * HOUR_S + seconds)

    @rule()
    def old_levels_are_joined(self) -> None:
        async def go() -> None:
            async with engine.transaction():
                await record.roll_up(clock.timestamp())

        engine.run(go())

    # What must hold

    def _level_is_right(self) -> None:
        rows = self._rows(
            "SELECT provider, min(usd_per_gpu_hour_micro) FROM offer WHERE gpu = ? AND tier = 'on-demand' "
            "AND stale_at > ?"
            " AND source <> 'community' GROUP BY 1", GPU, clock.timestamp(),
        )  # fmt: skip
        lowest: dict[str, int] = dict(rows)
        for name, shown in self.shown.items():
            if name in lowest:
                assert lowest[name] == min(shown.values()) * 10_000
        told = self._rows(
            "SELECT low_micro, median_micro FROM price_level WHERE gpu = ? AND tier = 'on-demand' "
            "ORDER BY at DESC LIMIT 1", GPU
        )  # fmt: skip
        assert told == [(min(lowest.values()), int(median(lowest.values())))]

    @invariant()
    def offers_are_what_was_last_said(self) -> None:
        for name, shown in self.shown.items():
            rows = self._rows("SELECT gpu_count, usd_per_gpu_hour_micro, fetched_at FROM offer WHERE source = ? "
                              "AND tier = 'on-demand'", name)  # fmt: skip
            assert {int(count): micro for count, micro, _ in rows} == {n: cents * 10_000 for n, cents in shown.items()}
            assert {at for *_, at in rows} == {self.read_at[name]}

    @invariant()
    def each_offer_has_one_open_price(self) -> None:
        open_prices = self._rows(
            "SELECT p.offer, s.usd_per_gpu_hour_micro FROM price_span s JOIN price_series p ON p.id = s.series "
            "WHERE s.valid_to IS NULL AND p.provider IN ('verda', 'lambda') ORDER BY 1"
        )
        offers = self._rows(
            "SELECT id, usd_per_gpu_hour_micro FROM offer WHERE source IN ('verda', 'lambda') ORDER BY 1"
        )
        assert open_prices == offers
        spans = self._rows("SELECT series, valid_from, valid_to FROM price_span "
                           "ORDER BY series, valid_from, valid_to IS NULL")  # fmt: skip
        for (series, since, until), (other, later, _) in itertools.pairwise(spans):
            assert until is None or until >= since
            assert series != other or (until is not None and until <= later), "two prices of one offer at a time"

    @invariant()
    def a_change_is_told_once_a_day(self) -> None:
        rows = self._rows("SELECT at, provider, gpu, tier, region, before_micro, after_micro FROM price_move "
                          "WHERE at >= ?", clock.parse_instant(BEGIN).timestamp())  # fmt: skip
        days = [(at // DAY_S, *kind) for at, *kind, _, _ in rows]
        assert len(days) == len(set(days))
        assert all(before != after for *_, before, after in rows)


def test_prices_and_their_history_agree_whatever_happens(shipped: Shipped) -> None:
    with clouds() as server:
        Prices.shipped, Prices.server = staticmethod(shipped), server
        run_state_machine_as_test(Prices, settings=rule_machine_settings(6, 25))
