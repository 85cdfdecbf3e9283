"""A fault of our own adapter is told as ours, with its traceback in the log, and never as the provider's answer."""

import logging

import httpx
import pytest

from app.core.http_client import Fault
from app.pricing.refresh import exchange_rates
from app.pricing.sources.lambda_cloud import Lambda
from app.process import application
from app.storage import engine
from tests import fake_clouds
from tests.fake_clouds import Reply
from tests.pricing.conftest import Refreshing


def fails(*_: object, **__: object) -> None:
    raise KeyError("a fault of ours")


def shown(refreshing: Refreshing, path: str) -> str:
    """A page of the site as a reader gets it."""
    app = application.create_app(refreshing.settings)

    async def work() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://inside") as client:
            return (await client.get(path)).text

    try:
        return engine.run(work())
    finally:
        app._prepared._watch.close()


def test_a_fault_of_an_adapter_is_told_as_ours_with_its_traceback(
    refreshing: Refreshing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Lambda, "fetch", fails)
    with caplog.at_level(logging.ERROR):
        outcome = refreshing("lambda")
    assert outcome.note.startswith(Fault.OWN)
    (record,) = [record for record in caplog.records if record.getMessage() == "an adapter failed"]
    assert record.exc_info
    assert isinstance(record.exc_info[1], KeyError)
    assert record.exc_info[2] is not None, "its traceback"
    page = shown(refreshing, "/providers/lambda")
    assert "Our own reading of the answer failed" in page
    assert "Changed the format" not in page


def test_a_tiny_exchange_rate_is_refused_by_the_name_of_its_currency(refreshing: Refreshing) -> None:
    before = refreshing.rows("SELECT * FROM exchange_rate")
    for rate in ("3000000", "99999999999999999999"):
        good = fake_clouds.ECB
        odd = good.replace("</Cube>", f'<Cube currency="XTS" rate="{rate}"/></Cube>', 1)
        refreshing.server.answers["/stats/eurofxref/eurofxref-daily.xml"] = Reply(odd.encode())
        outcome = engine.run(exchange_rates.refresh_rates(refreshing.settings))
        assert outcome.state == "failed"
        assert "one XTS would be" in outcome.note
        assert refreshing.rows("SELECT * FROM exchange_rate") == before
