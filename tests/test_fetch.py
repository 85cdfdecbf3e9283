"""Asking other people's servers: every limit holds, against a real server that misbehaves."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from app.core.http_client import Fault, Fetcher, FetchError, Limits
from tests.fake_clouds import Clouds, Reply, as_json, bomb


@pytest.fixture
def server() -> Iterator[Clouds]:
    made = Clouds()
    yield made
    made.close()


QUICK = Limits(connect_s=2, read_s=1, total_s=1.5, max_bytes=100_000)


def ask(server: Clouds, path: str = "/x", hosts: tuple[str, ...] = (), headers: dict[str, str] | None = None) -> object:
    async def go() -> object:
        async with Fetcher(server.url, hosts=hosts, contact="a@example.org", limits=QUICK, headers=headers) as fetcher:
            return await fetcher.json(path)

    return asyncio.run(go())


def fault(server: Clouds, path: str = "/x") -> FetchError:
    with pytest.raises(FetchError) as caught:
        ask(server, path)
    return caught.value


def test_an_answer_comes_with_exact_numbers_and_says_who_asked(server: Clouds) -> None:
    server.answers["/x"] = Reply(b'{"price": 0.1234567890123456789}')
    assert ask(server) == {"price": "0.1234567890123456789"}
    assert "InferenceBench/" in server.asked[0].headers["user-agent"]
    assert "a@example.org" in server.asked[0].headers["user-agent"]


@pytest.mark.parametrize(
    ("reply", "kind", "passing"),
    [
        (Reply(b"<!doctype html><p>Maintenance", headers={"content-type": "text/html"}), Fault.NOT_JSON, False),
        (Reply(b'{"a": [1, 2'), Fault.TRUNCATED, True),
        (Reply(b'{"a": [1, 2, 3, 4]}', cut=True), Fault.TRUNCATED, True),
        (Reply(b"nonsense"), Fault.NOT_JSON, False),
        (Reply(b"[" * 100_000), Fault.NOT_JSON, False),
        (Reply(b"", status=500), Fault.SERVER, True),
        (Reply(b"", status=404), Fault.REFUSED, False),
        (Reply(b"", status=403), Fault.REFUSED, False),
        (Reply(b" " * 200_000), Fault.TOO_LARGE, False),
        (bomb(50_000_000), Fault.TOO_LARGE, False),
        (Reply(b"not gzip at all", headers={"content-encoding": "gzip"}), Fault.TRUNCATED, True),
        (Reply(b"x", headers={"content-encoding": "br"}), Fault.NOT_JSON, False),
        (Reply(b'{"a": 1}' * 50, drip_s=0.05), Fault.TOO_SLOW, True),
    ],
    ids=["html", "half-json", "cut", "nonsense", "nested", "500", "404", "403", "large", "bomb", "bad-gzip", "brotli",
         "drip"],
)  # fmt: skip
def test_a_bad_answer_is_a_typed_fault(server: Clouds, reply: Reply, kind: Fault, passing: bool) -> None:
    server.answers["/x"] = reply
    error = fault(server)
    assert error.fault is kind
    assert error.may_pass is passing


def test_a_short_wait_that_is_asked_for_is_waited_and_a_long_one_is_told(server: Clouds) -> None:
    replies = [Reply(b"", 429, {"retry-after": "1"}), as_json({"ok": True})]
    server.answers["/x"] = lambda _: replies.pop(0)
    began = time.monotonic()
    assert ask(server) == {"ok": True}
    assert time.monotonic() - began >= 1
    server.answers["/x"] = Reply(b"", 429, {"retry-after": "600"})
    error = fault(server)
    assert (error.fault, error.retry_after) == (Fault.TOO_MANY, 600)


def test_a_redirect_leads_to_the_sources_own_hosts_only(server: Clouds) -> None:
    other = Clouds()
    other.answers["/y"] = as_json({"from": "other"})
    server.answers["/x"] = Reply(b"", 302, {"location": f"{other.url}/y"})
    assert fault(server).fault is Fault.REDIRECT
    assert not other.asked
    found = ask(
        server, hosts=(f"127.0.0.1:{other.port}",), headers={"authorization": "Bearer secret", "x-api-key": "hidden"}
    )
    assert found == {"from": "other"}
    assert "secret" not in other.asked[0].everything
    assert "hidden" not in other.asked[0].everything
    server.answers["/x"] = Reply(b"", 302, {"location": "/x"})
    assert fault(server).fault is Fault.REDIRECT
    server.answers["/x"] = Reply(b"", 302, {"location": "file:///etc/passwd"})
    assert fault(server).fault is Fault.REDIRECT
    other.close()


def test_plain_http_goes_to_this_machine_only() -> None:
    with pytest.raises(FetchError, match="neither https nor on this machine"):
        Fetcher("http://prices.example.org")


def test_no_proxy_of_the_environment_is_used(server: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.answers["/x"] = as_json({"ok": 1})
    assert ask(server) == {"ok": 1}


def test_who_does_not_answer_is_not_reachable() -> None:
    gone = Clouds()
    gone.close()
    assert fault(gone).fault is Fault.UNREACHABLE
