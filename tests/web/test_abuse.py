"""The site under people who send what no browser sends: silence, drips, cut-off bodies, odd spellings, floods of
addresses."""

import asyncio
import ipaddress
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core import client_address
from app.site.routes import HANDLERS
from app.web import bodies, form_body, request_target
from app.web.rate_limit import RateLimit
from tests import plain
from tests.conftest import Inside, Site, free_port, serve
from tests.submissions.test_reports import EXPERIENCE, send


def raw(port: int, text: str, wait_s: float = 10) -> str:
    """What a server answers to bytes as they stand."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as connection:
        connection.sendall(text.encode("latin-1"))
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
                if b"\r\n\r\n" in found:
                    break
        except TimeoutError:
            pass
    return found.decode("latin-1")


@pytest.mark.parametrize(("asked", "canonical"), [
    ("//prices", "/prices"), ("/gpus//h100-sxm-80gb", "/gpus/h100-sxm-80gb"), ("/%70rices", "/prices"),
    ("/prices/", "/prices"), ("//", "/"),
    ("/%2Fprices", "/prices"), ("/gpus%2fh100-sxm-80gb", "/gpus/h100-sxm-80gb"), ("/prices%2Ecsv", "/prices.csv"),
    ("//prices?gpu=l4-24gb", "/prices?gpu=l4-24gb"),
    ("///evil.example//x", "/evil.example/x"), ("/api//prices", "/api/prices"),
    ("/prices.csv?utm_source=", "/prices.csv"), ("/api/prices?utm_source=&fbclid=", "/api/prices"),
])  # fmt: skip
def test_every_spelling_of_a_page_leads_to_its_one_address(site: Site, asked: str, canonical: str) -> None:
    answer = raw(site.port, f"GET {asked} HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith("HTTP/1.1 308"), answer[:200]
    assert f"location: {canonical}\r\n" in answer
    assert "content-security-policy" in answer
    assert "x-frame-options" in answer


def test_no_page_links_to_a_spelling_that_is_redirected(http: httpx.Client) -> None:
    import re

    for page in ("/", "/prices", "/models", "/gpus", "/providers", "/policies", "/benchmarks"):
        for link in set(re.findall(r'href="(/[^"#?]*)', http.get(page).text)):
            scope = {"path": __import__("urllib.parse").parse.unquote(link), "raw_path": link.encode()}
            assert request_target.canonical_path(scope) is None, (page, link)


def test_allow_names_what_each_address_takes(site: Site) -> None:
    for handler in HANDLERS:
        for path in handler.paths:
            if "{" in path:
                continue
            methods = {method for other in HANDLERS if path in other.paths for method in other.http_methods}
            methods |= {"HEAD"} if "GET" in methods else set()
            for method in {"GET", "POST", "DELETE", "PUT"} - methods:
                answer = plain.request(method, site.url + path)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].replace("OPTIONS", "").split(", ")) - {""} == methods, (method, path)


@pytest.mark.parametrize("hosts", [
    "", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n", "Host:\r\n", "Host: a b\r\n", "Host: a/b\r\n",
    "Host: a@b\r\n", "Host: a:x\r\n",
])  # fmt: skip
def test_a_request_of_http_1_1_has_one_host(site: Site, hosts: str) -> None:
    answer = raw(site.port, f"GET /prices HTTP/1.1\r\n{hosts}\r\n")
    assert answer.startswith("HTTP/1.1 400"), answer[:100]
    assert "content-security-policy" in answer


@pytest.mark.parametrize("host", ["a", "A.b:80", "[::1]:8000", "xn--bcher-kva.example", "127.0.0.1:"])
def test_every_form_of_a_host_is_taken(site: Site, host: str) -> None:
    assert raw(site.port, f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n").startswith("HTTP/1.1 200")


def test_what_is_no_address_is_sent_nowhere(site: Site) -> None:
    every = raw(site.port, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert every.startswith("HTTP/1.1 204")
    assert "allow: GET, HEAD, OPTIONS, POST" in every
    other = raw(site.port, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert other.startswith("HTTP/1.1 400")
    for answer in (every, other):
        assert "content-security-policy" in answer


@pytest.mark.parametrize("body", [
    "Content-Length: 500\r\n\r\nshort", "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n", "Content-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg",
    "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n\r\n--x",
    "Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n--x",
    "Content-Type: application/json; charset=utf-99\r\nContent-Length: 2\r\n\r\n{}",
    "Content-Type: \xff\r\nContent-Length: 2\r\n\r\n{}",
])  # fmt: skip
@pytest.mark.parametrize(
    "path", ["/api/estimate", "/submit/experience", "/submit/benchmark", "/submissions", "/beacon", "/mcp"]
)
def test_a_body_that_is_cut_off_or_wrongly_framed_is_no_fault_of_ours(site: Site, path: str, body: str) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=5) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\n{body}".encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionResetError):
            pass
    assert not answer or b"400" <= answer.split(b" ")[1][:3] < b"500", answer[:200]
    assert plain.get(f"{site.url}/healthz").status_code == 200


def test_a_body_that_drips_is_ended(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.2)

    async def ask() -> list[int]:
        answers = []
        scope = {"type": "http", "method": "POST", "path": "/api/estimate", "raw_path": b"/api/estimate",
                 "query_string": b"", "headers": [(b"host", b"a")],
                 "http_version": "1.1", "client": ("127.0.0.1", 1), "scheme": "http", "server": ("a", 80),
                 "root_path": ""}  # fmt: skip

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0.05)
            return {"type": "http.request", "body": b" ", "more_body": True}

        async def answered(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                answers.append(int(str(message["status"])))

        await asyncio.wait_for(inside.app(scope, receive, answered), 10)
        return answers

    assert inside.run(lambda _: ask()) == [408]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that may open 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    data, port = tmp_path_factory.mktemp("narrow"), free_port()
    import subprocess

    real = subprocess.Popen

    def limited(*arguments: object, **named: object) -> object:
        return real(*arguments, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)), **named)  # type: ignore[call-overload]

    subprocess.Popen = limited  # type: ignore[assignment, misc]
    try:
        process = serve(data, port)
    finally:
        subprocess.Popen = real  # type: ignore[misc]
    if hard == resource.RLIM_INFINITY or hard >= 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    yield Site(f"http://127.0.0.1:{port}", port, Path(data), process)
    process.terminate()
    process.wait(30)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_silent_connections_beyond_the_files_leave_the_site_answering(narrow: Site) -> None:
    silent = []
    try:
        for _ in range(1_100):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", narrow.port))
            silent.append(connection)
        time.sleep(0.5)
        assert plain.get(f"{narrow.url}/prices", timeout=60).status_code == 200
    finally:
        for connection in silent:
            connection.close()
    assert plain.get(f"{narrow.url}/healthz", timeout=60).status_code == 200


def test_a_connection_that_says_nothing_is_closed(narrow: Site) -> None:
    for said in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n"):
        with socket.create_connection(("127.0.0.1", narrow.port), timeout=60) as connection:
            connection.sendall(said)
            while connection.recv(4096):
                pass


def test_a_wide_network_has_its_limit_and_stops_nobody_else() -> None:
    limit = RateLimit(10, 3600, addresses=1_000)
    allowed = sum(limit.allows(f"2001:db8:{n // 256:x}:{n % 256:x}::1", 1) for n in range(3))
    assert allowed == 3
    flood = sum(limit.allows(f"2001:db8:1:{n:x}::{n:x}", 1) for n in range(65_536))
    assert flood <= 160, "a /48 does 16 times as much as an address"
    assert limit.allows("2001:db8:2::1", 1)
    assert limit.allows("203.0.113.9", 1)
    assert sum(limit.allows("2001:db8:7:700::1", 1) for _ in range(20)) == 10
    assert sum(limit.allows(f"2001:db8:9:5{n % 256:02x}::1", 1) for n in range(256)) == 40, (
        "a /56 does four times as much"
    )
    for n in range(100_000):
        limit.allows(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1)
    assert len(limit._counts) <= 1_000
    assert limit.allows("198.51.100.1", 1), "whoever is new is let in"


def test_who_holds_a_receipt_can_always_withdraw_and_erase(inside: Inside) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        _, receipt = await send(client, "experience", EXPERIENCE)
        inside.limits()["posts"].most = 0
        assert (await client.post("/submissions", data={"receipt": "ib-wrong", "do": "show"})).status_code == 429
        for action in ("show", "json", "withdraw"):
            assert (await client.post("/submissions", data={"receipt": receipt, "do": action})).status_code == 200
        assert (
            await client.post("/submissions", data={"receipt": receipt, "do": "erase", "sure": "yes"})
        ).status_code == 200

    inside.run(work)


def test_a_reader_who_gives_up_takes_nobody_with_him(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.pricing.offers import store

    real, begun = store.offer_page, asyncio.Event()

    async def slow(*given: object, **named: object) -> object:
        begun.set()
        await asyncio.sleep(0.3)
        return await real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "offer_page", slow)

    async def work(client: httpx.AsyncClient) -> None:
        first = asyncio.create_task(client.get("/prices?gpu=l4-24gb"))
        await begun.wait()
        others = [asyncio.create_task(client.get("/prices?gpu=l4-24gb")) for _ in range(5)]
        await asyncio.sleep(0.05)
        first.cancel()
        assert [(await other).status_code for other in others] == [200] * 5

    inside.run(work)


@pytest.mark.parametrize(
    "body", ['{"model":"\\\\ud800"}', '{"\\\\ud800":"x"}', '{"model":"a\\\\udfffb","gpu":"h100-sxm-80gb"}']
)
def test_half_a_surrogate_pair_in_json_is_refused(http: httpx.Client, body: str) -> None:
    answer = http.post("/api/estimate", content=body.encode(), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()


@pytest.mark.parametrize(
    "path", ["/%2e%2e/prices", "/prices/%2e", "/%C3%28", "/..%2fprices", "/a/%2E%2E/%2e%2e/prices"]
)
def test_an_address_that_leads_outside_itself_is_not_found(http: httpx.Client, path: str) -> None:
    assert http.get(path, follow_redirects=False).status_code in (404, 400)


def test_options_and_allow_say_the_same_of_each_address(http: httpx.Client) -> None:
    asset = next(iter(sorted(set(re.findall(r"/static/[\w.-]+\.css", http.get("/").text)))))
    for path in ("/prices", "/api/estimate", "/beacon", "/submit/price", asset):
        options = http.options(path)
        assert options.status_code == 204
        refused = http.request("DELETE", path)
        assert refused.status_code == 405
        assert set(options.headers["allow"].split(", ")) == set(refused.headers["allow"].split(", "))
        assert ("HEAD" in options.headers["allow"]) is ("GET" in options.headers["allow"])


@pytest.mark.parametrize("path", ["/submit/experience", "/submit/benchmark", "/submissions"])
def test_fields_are_counted_before_a_form_is_read(inside: Inside, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A hundred thousand fields took the site's one loop a second; now none of them is looked at."""
    read, real = [], form_body._url_encoded

    def noted(body: bytes) -> dict[str, str]:
        read.append(threading.current_thread() is threading.main_thread())
        return real(body)

    monkeypatch.setattr(form_body, "_url_encoded", noted)

    async def work(client: httpx.AsyncClient) -> None:
        sent = {"content-type": "application/x-www-form-urlencoded"}
        for body in (b"a=&" * 300_000, b"&" * form_body.MOST_FIELDS):
            assert (await client.post(path, content=body, headers=sent)).status_code == 422
        assert read == []
        answer = await client.post(path, content=b"text=%41%00&text=B%FF&receipt=x", headers=sent)
        assert answer.status_code == 422
        assert read == [False], "read beside the loop"

    inside.run(work)
    assert real(b"a=1&a=%42+%C3%A9&b=&c&&d=%zz%4") == {"a": "B é", "b": "", "c": "", "d": "%zz%4"}
    for size in range(form_body.SLICE - 4, form_body.SLICE + 4):
        assert real(b"a=" + b"x" * size + b"%C3%A9%41") == {"a": "x" * size + "éA"}


def test_an_estimate_asks_no_more_than_its_fields_need(http: httpx.Client) -> None:
    answer = http.post("/api/estimate", content=b'{"model":"' + b"x" * 300_000 + b'"}')
    assert answer.status_code == 413
    assert "200,000" in answer.text


@pytest.mark.parametrize("spelling", [
    "2001:db8::7", "2001:DB8:0:0::7", "2001:0db8:0000:0000:0000:0000:0000:0007", "[2001:db8::7]:443", "[2001:db8::7]",
    '"[2001:db8::7]:443"', "2001:db8::7%eth0", " 2001:db8::7 ", "2001:db8:0:0:ffff::9",
])  # fmt: skip
def test_however_an_address_is_spelt_it_is_one_sender(spelling: str) -> None:
    limit = RateLimit(1, 3600)
    trusted = (ipaddress.ip_network("10.0.0.0/8"),)
    assert limit.allows(client_address.client("10.0.0.1", "2001:db8::7", trusted), 1)
    assert not limit.allows(client_address.client("10.0.0.1", spelling, trusted), 1)


@pytest.mark.parametrize("one", ["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107", "64:ff9b::203.0.113.7",
                                 "64:FF9B::cb00:7107", "203.0.113.7:4711"])  # fmt: skip
def test_an_ipv4_address_within_ipv6_is_that_sender_and_stops_no_other(one: str) -> None:
    """A machine with IPv6 alone sees every visitor with IPv4 in one /64 (RFC 6052): each is a sender of its own."""
    limit = RateLimit(1, 3600)
    trusted = (ipaddress.ip_network("10.0.0.0/8"),)
    assert limit.allows(client_address.client("10.0.0.1", one, trusted), 1)
    assert not limit.allows(client_address.client("10.0.0.1", "203.0.113.7", trusted), 1)
    other = one.replace("203.0.113.7", "203.0.113.8").replace("7107", "7108")
    assert limit.allows(client_address.client("10.0.0.1", other, trusted), 1)
