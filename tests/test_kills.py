"""Parts of a site on several nodes are killed during writes: nothing accepted is lost, no letter is sent twice, and
pages go on. ``SOAK=20`` kills each part twenty times; the suite once."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

from app.core.settings import load
from app.privacy.mail.mailbox import Maildir
from app.process import prepare
from tests import postgres
from tests.conftest import ROOT, free_port, serve
from tests.fake_clouds import clouds
from tests.lives import Lives
from tests.redis_server import RedisServer, running_redis
from tests.rule_machines import SOAK
from tests.test_processes import processes_of, temporary, web_of
from tests.waiting import until

KILLS = SOAK
AGREED = {"consent": "yes", "age": "yes", "policy": "2026-03-27"}


class House:
    """A records node with its worker, and a web node, on PostgreSQL and Redis."""

    def __init__(self, folder: Path, redis: RedisServer, url: str, more: dict[str, str]) -> None:
        self.redis, self.database = redis, url
        self.records, self.web_data = folder / "records", folder / "web"
        self.ports = {"records": free_port(), "web": free_port()}
        self.settings = {"INFERENCEBENCH_DATABASE_URL": url, "INFERENCEBENCH_REDIS_URL": redis.url,
                         "INFERENCEBENCH_TRUSTED_PROXIES": "127.0.0.1", **more}  # fmt: skip
        Path(temporary(self.records)).mkdir(exist_ok=True)
        self.up = subprocess.Popen(
            [sys.executable, "-m", "app", "up"], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL,
            env={**os.environ, **self.settings, "INFERENCEBENCH_DATA_DIR": str(self.records), "TMPDIR":
                 temporary(self.records), "INFERENCEBENCH_ROLE": "records", "INFERENCEBENCH_NODE": "records",
                 "INFERENCEBENCH_PORT": str(self.ports["records"])},
        )  # fmt: skip
        self.web = serve(self.web_data, self.ports["web"], **self.settings, INFERENCEBENCH_ROLE="web",
                         INFERENCEBENCH_NODE="web")  # fmt: skip
        until(lambda: self.answers("records"), 100)

    def answers(self, name: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/readyz", timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def worker(self) -> int:
        return next((pid for pid, command in processes_of(self.records).items()
                     if "-m workers" in command and "exec_with_parent" not in command), 0)  # fmt: skip

    def stop(self) -> None:
        for process in (self.up, self.web):
            process.terminate()
            process.wait(40)

    def sql(self, statement: str) -> str:
        return postgres.server().sql(statement, self.database.rsplit("/", 1)[1])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, prepared_server: str) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with running_redis(folder) as redis, clouds() as sources:
        made = House(folder, redis, postgres.server().database(prepared_server),
                     {"INFERENCEBENCH_HF_ENDPOINT": sources.url, **sources.environment()})  # fmt: skip
        yield made
        made.stop()


class Writers:
    """A visitor who sends reports to the records node, and one who reads pages of the web node, until the block
    ends."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.receipts: list[str] = []
        self.pages: list[int] = []
        self.answers: Counter[int] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._send, self._read)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def one_more(self) -> None:
        """Wait until another report is accepted."""
        before = len(self.receipts)
        try:
            until(lambda: len(self.receipts) > before, 60)
        except AssertionError:
            raise AssertionError(f"no report is accepted any more; answers by status: {self.answers}") from None

    def _send(self) -> None:
        turn, url = 0, f"http://127.0.0.1:{self.house.ports['records']}/submit/experience"
        while not self._over.wait(0.02):
            turn += 1
            report = {"provider": "lambda", "topic": "availability", "rating": "4",
                      "text": f"report number {turn} of this writer {id(self)}"}  # fmt: skip
            sender = {"x-forwarded-for": f"198.18.{turn // 250 % 250}.{turn % 250}"}  # each may send ten an hour
            try:
                answer = httpx.post(url, data=report | AGREED, headers=sender, timeout=20)
            except httpx.TransportError:
                continue  # it was not told that it was kept
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                self.receipts += set(re.findall(r"ib-[a-z0-9-]{20,}", answer.text))

    def _read(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.house.ports['web']}", timeout=30) as client:
            while not self._over.wait(0.02):
                self.pages.append(client.get("/prices").status_code)


def kept(house: House, receipts: list[str]) -> None:
    """Each receipt that was handed out opens its report."""
    for number, receipt in enumerate(receipts):
        answer = httpx.post(f"http://127.0.0.1:{house.ports['records']}/submissions", data={"receipt": receipt},
                            headers={"x-forwarded-for": f"203.0.113.{number % 250}"}, timeout=30)  # fmt: skip
        assert answer.status_code == 200, receipt
    assert int(house.sql("SELECT count(*) FROM personal.submission")) >= len(receipts)


@pytest.mark.timeout(300 + 60 * SOAK)
@pytest.mark.parametrize("who", ["redis", "node", "worker"])
def test_what_is_killed_during_writes_loses_nothing_and_pages_go_on(house: House, who: str) -> None:
    chance = random.Random(who)

    def kill(pid: int, comes_back: Callable[[], int]) -> None:
        os.kill(pid, signal.SIGKILL)
        until(lambda: comes_back() not in (0, pid), 100)

    with Writers(house) as writers:
        for _ in range(KILLS):
            writers.one_more()
            time.sleep(chance.uniform(0, 0.3))
            if who == "redis":
                house.redis.kill()
                time.sleep(chance.uniform(0, 0.5))
                house.redis.start()
            elif who == "node":
                until(lambda: web_of(house.records, house.up.pid), 60)
                kill(web_of(house.records, house.up.pid), lambda: web_of(house.records, house.up.pid))
                until(lambda: house.answers("records"), 110)
            else:
                until(house.worker, 60)
                kill(house.worker(), house.worker)
        for _ in range(3):
            writers.one_more()
    print(f"{who}: killed {KILLS} times, {len(writers.receipts)} reports accepted, {len(writers.pages)} pages")
    assert writers.pages
    assert set(writers.pages) == {200}, "pages of the other node go on"
    kept(house, writers.receipts)


@pytest.mark.timeout(300 + 60 * SOAK)
def test_a_mail_job_that_is_killed_sends_no_letter_twice(tmp_path: Path, prepared_server: str) -> None:
    """Each of the requests is answered once, however often the job that answers is killed."""
    url = postgres.server().database(prepared_server)
    environment = {"INFERENCEBENCH_DATA_DIR": str(tmp_path / "records"), "INFERENCEBENCH_DATABASE_URL": url}
    settings = load(environment)
    prepare.prepare(settings)
    before = (
        "from app.core import settings; from app.storage import engine; from app.privacy.mail import delivery, queue; "
        "from app.privacy.mail.sync import poll; queue.AUTOMATIC_AN_HOUR = 10**6; delivery.AGAIN_S = 0; "
        "s = settings.load(); engine.use(s.database)"
    )
    chance, asked = random.Random(9), 0
    with Lives(before, "engine.run(poll(s))", environment) as lives:
        since = time.monotonic()
        lives.whole()
        one = time.monotonic() - since
        for _ in range(4 * KILLS):
            for _ in range(3):
                asked += 1
                raw = (f"From: person{asked}@example.org\r\nTo: privacy@inferencebench.io\r\n"
                       f"Message-ID: <{asked}@example.org>\r\nSubject: my data\r\n\r\n"
                       "Please send me a copy of all data that you hold about me.\r\n")  # fmt: skip
                Maildir(settings.data_dir / "mail/inbox").put(f"{asked}.mail", raw.encode())
            with lives.cut_short():
                time.sleep(chance.uniform(0, 2 * one))
        lives.whole()
        lives.whole()
    box = settings.data_dir / "mail" / "outbox"
    to = [str(message_from_bytes(path.read_bytes())["To"]) for path in (*box.glob("new/*"), *box.glob("cur/*"))]
    print(f"mail: killed {4 * KILLS} times, {asked} requests, {len(to)} letters")
    assert sorted(to) == sorted(f"person{number}@example.org" for number in range(1, asked + 1))
