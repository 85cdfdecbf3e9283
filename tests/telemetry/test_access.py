"""The access log: the register's fields and no more, gone in time, and never in the way of a request."""

import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import time_machine

from app.core import client_address, clock
from app.core.retention import ACCESS_LOG_DAYS
from app.core.settings import load
from app.telemetry import access_log, access_log_reader, user_agents
from app.telemetry.access_log import COLUMNS, AccessLog
from app.telemetry.counters import DROPPED, REQUESTS, Counters
from app.telemetry.log_paths import LogPaths
from tests import plain
from tests.conftest import Inside, Shipped, Site, free_port, serve
from tests.database import away

FIREFOX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
ROUTES = (
    "/",
    "/prices",
    "/gpus/{gpu:str}",
    "/calculator",
    "/submit/price",
    "/submissions",
    "/api/estimate",
    "/policies/changes.atom",
    "/policies/{policy:str}",
)


def logged(data: Path, count: int, wait_s: float = 4) -> list[list[str]]:
    """The fields of the rows, once there are ``count`` of them."""
    until = time.monotonic() + wait_s
    while True:
        lines = [
            line.split("\t") for path in sorted((data / "logs").glob("*.tsv")) for line in path.read_text().splitlines()
        ]
        lines = [line for line in lines if line[0] != COLUMNS[0] and "/readyz" not in line]
        if len(lines) >= count or time.monotonic() > until:
            return lines
        time.sleep(0.05)


@pytest.fixture
def own(tmp_path: Path, shipped: Shipped) -> Site:
    """A site with a data folder of its own."""
    data, port = tmp_path / "data", free_port()
    process = serve(data, port, **shipped(data), INFERENCEBENCH_TRUSTED_PROXIES="127.0.0.0/8")
    return Site(f"http://127.0.0.1:{port}", port, data, process)


@pytest.mark.parametrize("promise", ["P-2.2a P-3a"])
def test_a_row_holds_the_registers_fields_and_nothing_else(own: Site, promise: str) -> None:
    try:
        said = {
            "user-agent": FIREFOX,
            "referer": "https://news.example/a/b?secret=7#x",
            "x-forwarded-for": "198.51.100.23",
            "cookie": "c=markercookie",
        }
        with httpx.Client(base_url=own.url, headers=said) as client:
            client.get("/prices?max_usd=3.7321")
            client.get("/gpus/l4-24gb")
            client.get("/no/such/markerpath?x=1")
            client.post("/api/estimate", json={"model": "markermodel"})
            client.get("/calculator?model=markerchoice")
            client.get("/", headers={"referer": f"{own.url}/gpus/l4-24gb?q=markerreferrer"})
            client.request("BREW", "/")
            client.get("/gpus/markergpu")
        found = logged(own.data, 8)
    finally:
        own.process.terminate()
        own.process.wait(15)
    assert len(found) == 8
    at = dict(zip(COLUMNS, found[0], strict=True))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at["time"])
    assert {k: v for k, v in at.items() if k not in ("time", "ms")} == {
        "address": "198.51.100.23", "browser": "Firefox", "system": "Ubuntu", "referrer": "https://news.example/a/b",
        "method": "GET", "route": "/prices", "path": "/prices", "status": "200",
    }  # fmt: skip
    assert 0 <= float(at["ms"]) < 60_000
    assert [(row[6], row[7], row[8]) for row in found[1:4]] == [
        ("/gpus/{gpu}", "/gpus/l4-24gb", "200"), ("(no such page)", "-", "404"),
        ("/api/estimate", "-", "422" if found[3][8] == "422" else "400")]  # fmt: skip
    assert (found[4][6], found[4][7]) == ("/calculator", "-")
    assert found[5][4] == f"{own.url}/gpus/l4-24gb"
    assert found[6][5] == "OTHER"
    assert found[7][6:9] == ["/gpus/{gpu}", "-", "404"]
    everything = b"".join(path.read_bytes() for path in own.data.rglob("*") if path.is_file())
    for secret in (b"3.7321", b"secret", b"marker", b"Gecko", b"rv:133"):
        assert secret not in everything, secret


def test_a_killed_process_loses_no_more_than_what_waits(own: Site) -> None:
    try:
        with httpx.Client(base_url=own.url) as client:
            for _ in range(300):
                client.get("/prices")
            time.sleep(access_log.EVERY_S + 0.9)  # what is older than two seconds is written
            client.get("/gpus")
        os.killpg(own.process.pid, signal.SIGKILL)
    finally:
        own.process.wait(15)
    assert len([row for row in logged(own.data, 300) if row[7] == "/prices"]) == 300
    assert access_log.EVERY_S <= 2


@pytest.mark.parametrize(
    ("peer", "chain", "trusted", "address"),
    [
        ("203.0.113.9", "198.51.100.1", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "10.0.0.0/8", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1, 10.0.0.7", "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, nonsense, 10.0.0.7", "10.0.0.0/8", "10.0.0.7"),
        ("10.0.0.1", "", "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::7]:443", "10.0.0.0/8", "2001:db8::7"),
        ("10.0.0.1", "198.51.100.1:55012", "10.0.0.0/8", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "10.0.0.0/8", "198.51.100.1"),
        ("", "198.51.100.1", "10.0.0.0/8", "-"),
    ],
)
def test_a_forwarded_address_is_believed_from_trusted_peers_alone(
    peer: str, chain: str, trusted: str, address: str
) -> None:
    networks = load({"INFERENCEBENCH_TRUSTED_PROXIES": trusted}).trusted_proxies
    headers = [(b"x-forwarded-for", chain.encode())] if chain else []
    assert client_address.of({"client": (peer, 1), "headers": headers}, networks) == address


def log_in(folder: Path, counters: Counters | None = None) -> AccessLog:
    return AccessLog(load({"INFERENCEBENCH_DATA_DIR": str(folder)}), LogPaths(ROUTES), counters or Counters())


def scope(path: str = "/prices", method: str = "GET", **headers: str) -> dict[str, object]:
    return {
        "path": path,
        "method": method,
        "client": ("203.0.113.9", 1),
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
    }


@pytest.mark.parametrize("promise", ["P-2.1a P-2.2a"])
def test_reports_are_noted_with_the_hour_only_and_no_neighbour_tells_more(tmp_path: Path, promise: str) -> None:
    log = log_in(tmp_path)
    at = int(datetime(2026, 11, 24, 14, 37, 12, tzinfo=UTC).timestamp())
    with time_machine.travel(at, tick=False):
        log.note(at, scope(), 200, 0.001)
        log.note(at, scope("/submit/price", "POST"), 200, 0.017)
        log.note(at, scope("/submissions", "POST"), 422, 0.017)
        log.note(at, scope("/submit/price"), 200, 0.001)
        log.flush()
    reports = (tmp_path / "logs" / "reports-2026-11-24.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in reports] == ["2026-11-24T14:00:00Z"] * 2
    assert [line.split("\t")[6:] for line in reports] == [
        ["/submit/price", "-", "200", "-"],
        ["/submissions", "-", "422", "-"],
    ]
    assert (tmp_path / "logs" / "reports-2026-11-24.tsv").stat().st_mtime % 3600 == 0
    assert "POST" not in (tmp_path / "logs" / "access-2026-11-24.tsv").read_text()


def test_a_flood_drops_rows_and_counts_them_and_refuses_no_request(tmp_path: Path) -> None:
    counters = Counters()
    log = log_in(tmp_path, counters)
    now = clock.timestamp()
    for _ in range(access_log.MOST_WAITING + 137):
        log.note(now, scope(), 200, 0.001)
    log.flush()
    day = f"{clock.now():%Y-%m-%d}"
    assert counters.take() == {(day, REQUESTS, "/prices", 2): access_log.MOST_WAITING, (day, DROPPED, "", 0): 137}
    assert len(logged(tmp_path, 1)) == access_log.MOST_WAITING


def test_a_disk_that_takes_no_row_stops_nothing(tmp_path: Path) -> None:
    counters = Counters()
    log = log_in(tmp_path, counters)
    (tmp_path / "logs").write_text("a file where the folder should be")
    log.note(clock.timestamp(), scope(), 200, 0.001)
    log.flush()
    assert counters.take()[f"{clock.now():%Y-%m-%d}", DROPPED, "", 0] == 1


def test_a_row_that_cannot_be_made_loses_no_other(tmp_path: Path) -> None:
    counters = Counters()
    log = log_in(tmp_path, counters)
    for told in (scope("/prices"), {"path": None}, scope("/")):
        log._waiting.append((clock.timestamp(), told, 200, 0.001))
    log.flush()
    assert [row[7] for row in logged(tmp_path, 2)] == ["/prices", "/"]
    assert counters.take()[f"{clock.now():%Y-%m-%d}", DROPPED, "", 0] == 1


def test_an_unforeseen_fault_does_not_end_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And what is printed of it holds nothing of a request."""
    monkeypatch.setattr(access_log, "EVERY_S", 0.01)
    log = log_in(tmp_path)
    real, times = log._append, 0

    def fails(name: str, lines: list[str]) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise KeyError("203.0.113.77 /marker?query")
        real(name, lines)

    monkeypatch.setattr(log, "_append", fails)
    log.start()
    log.note(clock.timestamp(), scope("/prices"), 200, 0.001)
    while not times:
        time.sleep(0.01)
    log.note(clock.timestamp(), scope("/"), 200, 0.001)
    assert [row[7] for row in logged(tmp_path, 1, 30)] == ["/"]
    log.stop()
    assert "the access log could not be written" in caplog.text
    assert "203.0.113.77" not in caplog.text
    assert "marker" not in caplog.text


@pytest.mark.parametrize("text", ["/prices\nforged\trow", "/pr\u2028ices", "/\x1b[31m", "/" + "x" * 5000, "/%0a%09"])
def test_no_path_and_no_header_breaks_a_row(tmp_path: Path, text: str) -> None:
    log = log_in(tmp_path)
    log.note(
        clock.timestamp(),
        scope(
            "/gpus/" + text[1:].replace("/", ""),
            **{"user-agent": "x\ty\n", "referer": "https://e.example/" + text.replace("\u2028", "?")},
        ),
        200,
        0.001,
    )
    log.flush()
    found = logged(tmp_path, 1)
    assert len(found) == 1
    assert len(found[0]) == len(COLUMNS)


def test_browser_and_system_are_families_without_version() -> None:
    assert user_agents.families(FIREFOX) == ("Firefox", "Ubuntu")
    assert user_agents.families(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
        "Mobile/15E148 Safari/604.1"
    ) == ("Mobile Safari", "iOS")
    assert user_agents.families("") == ("-", "-")
    assert user_agents.families("nonsense") in (("-", "-"), ("Other", "Other"))


def fill(folder: Path, day: datetime, kinds: tuple[str, ...] = access_log_reader.KINDS) -> None:
    (folder / "logs").mkdir(exist_ok=True)
    for kind in kinds:
        line = "\t".join(
            (
                f"{day:%Y-%m-%dT%H:%M:%SZ}",
                "203.0.113.9",
                "Firefox",
                "Ubuntu",
                "-",
                "GET",
                "/prices",
                "/prices",
                "200",
                "0.4",
            )
        )
        (folder / "logs" / f"{kind}-{day:%Y-%m-%d}.tsv").write_text("\t".join(COLUMNS) + f"\n{line}\n")


@pytest.mark.parametrize("promise", ["P-2.2b P-8a"])
@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 1, tzinfo=UTC), datetime(2027, 11, 30, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)]
)
def test_no_row_is_on_disk_ninety_days_after_it_was_written(tmp_path: Path, promise: str, day: datetime) -> None:
    fill(tmp_path, day)
    limit = day + timedelta(days=ACCESS_LOG_DAYS)  # the very first second of the day reaches it first
    before = int((limit - timedelta(hours=2, seconds=1)).timestamp())
    assert access_log_reader.delete_expired(tmp_path / "logs", before) == 0
    assert access_log_reader.delete_expired(tmp_path / "logs", int((limit - timedelta(hours=1)).timestamp()) - 1) == 2
    assert list((tmp_path / "logs").iterdir()) == []


@pytest.mark.parametrize("promise", ["P-2.2b"])
def test_a_reader_sees_no_row_past_its_limit_to_the_second(tmp_path: Path, promise: str) -> None:
    day = datetime(2026, 3, 1, 9, 30, 5, tzinfo=UTC)
    fill(tmp_path, day, ("access",))
    end = int(day.timestamp()) + ACCESS_LOG_DAYS * 86_400
    assert len(list(access_log_reader.read(tmp_path / "logs", end - 1))) == 1
    assert list(access_log_reader.read(tmp_path / "logs", end)) == []
    assert access_log_reader.oldest_row(tmp_path / "logs", end - 1) == int(day.timestamp())
    assert access_log_reader.oldest_row(tmp_path / "logs", end) is None


@pytest.mark.parametrize("promise", ["P-2.2b P-8a"])
def test_the_web_alone_deletes_old_files_at_its_start(inside: Inside, promise: str) -> None:
    from app.process import lifespan

    old = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=ACCESS_LOG_DAYS)
    fill(inside.settings.data_dir, old)
    fill(inside.settings.data_dir, old + timedelta(days=2))
    lifespan.delete_old_logs(inside.log)
    assert sorted(path.name for path in inside.log.folder.iterdir()) == sorted(
        f"{kind}-{old + timedelta(days=2):%Y-%m-%d}.tsv" for kind in access_log_reader.KINDS
    )
    assert lifespan.PURGE_EVERY * lifespan.COUNTERS_EVERY_S <= access_log_reader.MARGIN_S


def test_the_web_process_deletes_without_a_worker(tmp_path: Path, shipped: Shipped) -> None:
    data, port = tmp_path / "data", free_port()
    more = shipped(data)
    fill(data, clock.now() - timedelta(days=ACCESS_LOG_DAYS + 1))
    process = serve(data, port, **more)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until and any(
            "access" in p.name and f"{clock.now():%Y-%m-%d}" not in p.name for p in (data / "logs").iterdir()
        ):
            time.sleep(0.05)
        names = {path.name for path in (data / "logs").iterdir()}
    finally:
        process.terminate()
        process.wait(15)
    assert names <= {f"access-{clock.now():%Y-%m-%d}.tsv"}


def test_the_log_can_be_searched_by_address_and_period(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app.cli import retention

    log = log_in(tmp_path)
    settings = load({"INFERENCEBENCH_DATA_DIR": str(tmp_path)})
    now = clock.timestamp()
    for number in range(40):
        log.note(now - 60, scope("/nothing"), 404, 0.001)
        log.note(now - 7200 - number, {**scope(), "client": ("2001:db8::7", 1)}, 200, 0.001)
    log.flush()
    retention.abuse(top=3, settings=settings)
    said = capsys.readouterr().out
    assert "80 requests of 2 addresses" in said
    assert "40  203.0.113.9  100% failed" in said
    assert "bursts of failed requests" in said
    retention.abuse(address="2001:0db8:0:0::7", settings=settings)
    assert "40 rows" in capsys.readouterr().out
    since = f"{clock.from_timestamp(now - 3600):%Y-%m-%dT%H:%M:%SZ}"
    retention.abuse(since=since, address="2001:db8::7", settings=settings)
    assert capsys.readouterr().out == "0 rows\n"


@pytest.mark.parametrize("promise", ["P-2.2a"])
def test_what_the_site_prints_holds_no_address_query_header_or_body(
    tmp_path: Path, shipped: Shipped, capfd: pytest.CaptureFixture[str], promise: str
) -> None:
    data, port = tmp_path / "data", free_port()
    settings = shipped(data)
    process = serve(data, port, **settings, INFERENCEBENCH_TRUSTED_PROXIES="127.0.0.0/8")
    try:
        said = {
            "user-agent": "markeragent",
            "referer": "http://markerreferrer/",
            "x-forwarded-for": "198.51.100.23",
            "origin": "http://markerorigin",
            "connection": "close",  # a body that is refused ends its connection, which the next request would meet
        }
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=said) as client:
            for path in (
                "/prices?max_usd=markerquery",
                "/gpus/markergpu",
                "/prices?q=markersearch",
                "/%ff%fe",
                "/prices?" + "markerlong=1&" * 5000,
                "/compare?gpu=markercompare",
            ):
                client.get(path)
            client.post("/api/estimate", content=b"markerbody" * 200_000)
            client.post("/beacon", content=b"page=markerpage")
            seen = client.post(
                "/beacon",
                content=b"page=/prices&load=1&paint=1&shift=0&errors=0",
                headers={"origin": f"http://127.0.0.1:{port}"},
            )
            assert seen.status_code == 204  # taken, not refused before anything could be printed
            client.request("PUT", "/prices", content=b"markerput")
        with away(load(settings)):  # a fault in the middle
            plain.get(f"http://127.0.0.1:{port}/prices?max_usd=3&q=markerfault", headers=said)
    finally:
        process.terminate()
        process.wait(15)
    out, err = capfd.readouterr()
    assert "stopped" in err
    assert "marker" not in (out + err).casefold()
    assert "198.51.100" not in out + err
    assert "127.0.0.1" not in (out + err).replace(f"http://127.0.0.1:{port}", "OURS"), "the edge's address neither"
