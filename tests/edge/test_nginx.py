"""The shipped nginx edge in front of the real app: hits, revalidation, stale when the app is down, codings kept
apart."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.core import clock
from app.pricing.refresh import replace_offers
from app.pricing.snapshot import files
from app.storage import engine, sqlite
from app.web import security
from tests import edge_server
from tests.conftest import ROOT, Site, free_port, serve

pytestmark = pytest.mark.skipif(
    edge_server.nginx_program() is None, reason="no nginx on this machine; install the package nginx"
)


@pytest.fixture(scope="module")
def edge(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    plain_port = free_port()
    server = edge_server.start(tmp_path_factory.mktemp("edge"), site.port, free_port(), plain_port)
    with httpx.Client(base_url=server.url, verify=False) as client:
        client.plain_port = plain_port  # type: ignore[attr-defined]
        yield client
    server.stop()


def test_the_second_visitor_gets_the_edges_copy(edge: httpx.Client) -> None:
    first = edge.get("/gpus/l4-24gb", headers={"accept-encoding": "gzip"})
    second = edge.get("/gpus/l4-24gb", headers={"accept-encoding": "gzip"})
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert first.text == second.text
    assert second.headers["etag"] == first.headers["etag"]


def test_visitors_see_the_apps_own_cache_orders_and_not_the_edges(edge: httpx.Client) -> None:
    for _ in range(2):
        answer = edge.get("/providers")
        assert answer.headers.get_list("cache-control") == ["public, max-age=0, must-revalidate, s-maxage=60"]
        assert "x-visitor-cache-control" not in answer.headers


def test_a_match_is_answered_by_the_edge_without_a_body(edge: httpx.Client) -> None:
    etag = edge.get("/gpus").headers["etag"]
    answer = edge.get("/gpus", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("br", "br"), ("gzip, deflate, br", "br"), ("gzip, deflate, br, zstd", "br"), ("zstd;q=1", "zstd"),
        ("gzip;q=0.8", "gzip"),
        ("br;q=0, gzip", "gzip"), ("br;q=0.0,zstd ; q=0,gzip", "gzip"), ("deflate", None), ("identity", None),
        ("GZIP", "gzip"),
        ("brx, xgzip", None), ("*", None), ("br;q=0.001", "br"),
    ],
)  # fmt: skip
def test_codings_are_never_mixed_up(edge: httpx.Client, accept: str, coding: str | None) -> None:
    answers = [edge.get("/status", headers={"accept-encoding": accept}) for _ in range(2)]
    for answer in answers:
        assert answer.headers.get("content-encoding") == coding
        assert "InferenceBench" in answer.text
        assert answer.headers["etag"].endswith(f'-{coding}"') == (coding is not None)
    assert answers[1].headers["x-cache"] == "HIT"


def test_plain_http_leads_to_https_and_errors_are_not_kept(edge: httpx.Client) -> None:
    for _ in range(2):
        answer = edge.get("/nothing-here")
        assert answer.status_code == 404
        assert answer.headers["x-cache"] == "MISS"
        assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("promise", ["P-10a"])
def test_old_tls_is_refused(edge: httpx.Client, promise: str) -> None:
    port = edge.base_url.port
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1"], input=b"", capture_output=True, check=False
    )
    assert b"Cipher is (NONE)" in done.stdout or done.returncode != 0
    allowed = [
        line.split()[1:]
        for line in (ROOT / "deploy" / "nginx.conf").read_text().split(";")
        if line.split()[:1] == ["ssl_protocols"]
    ]
    assert allowed  # OpenSSL's own level refuses TLS 1.1 on many systems, whatever the server is told
    assert all(set(versions) <= {"TLSv1.2", "TLSv1.3"} for versions in allowed)


HEADERS = [*(name for name, _ in security.HEADERS), "cross-origin-resource-policy", "cache-control"]
ASKED = {
    "no request": (b"GARBAGE\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "long headers": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9_000 + b"\r\n\r\n", 400),
    "two lengths": (b"POST /beacon HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    "a large body": (b"POST /beacon HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n", 413),
    "a bad chunk": (b"POST /beacon HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
    "no such method": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "no page": (b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
    "elsewhere": (b"GET /prices/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 308),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("plain", [False, True])
def test_what_the_edge_answers_by_itself_carries_every_header(edge: httpx.Client, asked: str, plain: bool) -> None:
    """The app's server answers what is no HTTP without the app; behind the edge no such thing reaches it."""
    request, status = ASKED[asked]
    told, heads = _asked_raw(edge, request, plain=plain)
    assert told == status or (plain and told == 308)
    for name in [*HEADERS, *([] if plain else ["strict-transport-security"])]:
        assert len(heads.get_list(name)) == 1, (name, heads)
    assert "nginx/" not in str(heads)


def _asked_raw(edge: httpx.Client, request: bytes, *, plain: bool) -> tuple[int, httpx.Headers]:
    port = edge.plain_port if plain else edge.base_url.port  # type: ignore[attr-defined]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        line = line if plain else stack.enter_context(context.wrap_socket(line))
        line.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := line.recv(65_536)):
            answer += part
    first, *lines = answer.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return int(first.split()[1]), httpx.Headers(
        [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    )


def test_stale_pages_stand_in_while_the_app_is_down_but_never_past_their_instant(tmp_path: Path) -> None:
    """A price turns stale in fourteen seconds; the app dies; the edge may serve its page until then, not after."""
    from app.core.settings import load
    from app.process.prepare import prepare

    data, port = tmp_path / "data", free_port()
    prepare(load({"INFERENCEBENCH_DATA_DIR": str(data)}))
    now = clock.timestamp()
    boundary = now + 14
    offers = [replace(o, fetched_at=now - 60, stale_at=boundary) for o in files.offers() if o.source == "daily-list"]

    async def load_offers() -> None:
        sqlite.use(data / "inferencebench.sqlite")
        await replace_offers.replace_source("daily-list", "t", offers, [], now - 60)
        for name in set(files.about()["sources"]) - {"daily-list"}:
            await replace_offers.replace_source(name, "t", [], [], now - 60)

    engine.run(load_offers())
    process = serve(data, port)
    server = edge_server.start(tmp_path / "edge", port, free_port(), free_port())
    try:
        with httpx.Client(base_url=server.url, verify=False) as client:
            fresh = client.get("/gpus/l4-24gb")
            lasting = client.get("/api")
            assert fresh.status_code == 200
            assert '<span class="stale"' not in fresh.text
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert client.get("/gpus/l4-24gb").status_code == 200
            while clock.timestamp() <= boundary:
                time.sleep(0.2)
            gone = client.get("/gpus/l4-24gb")
            assert gone.status_code == 503, "the page that says 'current' must not outlive the instant it turns stale"
            assert gone.headers["retry-after"]
            assert gone.headers["content-security-policy"]
            still = client.get("/api")
            assert (still.status_code, still.text) == (200, lasting.text)
    finally:
        server.stop()


@pytest.mark.parametrize("promise", ["P-2.2a"])
def test_the_app_learns_the_visitors_address_from_the_edge_and_the_edge_keeps_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], promise: str
) -> None:
    """A visitor at 127.0.0.5 who says to be somebody else; only the edge, at 127.0.0.1, is trusted."""
    port = free_port()
    process = serve(tmp_path / "data", port, INFERENCEBENCH_TRUSTED_PROXIES="127.0.0.1/32")
    server = edge_server.start(tmp_path / "edge", port, free_port(), free_port())
    try:
        with httpx.Client(
            base_url=server.url, verify=False, transport=httpx.HTTPTransport(local_address="127.0.0.5", verify=False)
        ) as client:
            assert client.get("/gpus?marker=1", headers={"x-forwarded-for": "198.51.100.99"}).status_code in (200, 308)
            assert client.get("/nothing-marker", headers={"x-forwarded-for": "198.51.100.99"}).status_code == 404
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(local_address="127.0.0.6")
        ) as client:
            client.get("/providers", headers={"x-forwarded-for": "198.51.100.99"})
        time.sleep(1.5)
    finally:
        server.stop()
        process.terminate()
        process.wait(15)
    rows = [
        line.split("\t")
        for path in (tmp_path / "data" / "logs").glob("*.tsv")
        for line in path.read_text().splitlines()[1:]
    ]
    assert {row[1] for row in rows if row[6] in ("/gpus", "(no such page)")} == {"127.0.0.5"}
    assert {row[1] for row in rows if row[6] == "/providers"} == {"127.0.0.6"}, "who is not trusted is not believed"
    out, err = capfd.readouterr()
    kept = [path for path in (tmp_path / "edge").rglob("*") if path.is_file() and b"127.0.0.5" in path.read_bytes()]
    assert kept == []
    for secret in ("127.0.0.5", "127.0.0.6", "198.51.100.99", "marker"):
        assert secret not in out + err


def test_posts_pass_and_are_never_kept(edge: httpx.Client) -> None:
    own = {"origin": str(edge.base_url), "sec-fetch-site": "same-origin"}
    for _ in range(2):
        answer = edge.post("/submissions", data={"receipt": "ib-2222-2222-2222-2222-2222-2222"}, headers=own)
        assert answer.status_code in (422, 429)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers.get("x-cache") != "HIT"
    assert "ib-2222" not in edge.get("/submissions").text
    assert edge.post("/beacon", content="page=%2F&load=1&paint=1&shift=0&errors=0", headers=own).status_code == 204
    assert edge.post("/submit/price", data={"region": "x" * 900_000}, headers=own).status_code in (413, 422, 429)
