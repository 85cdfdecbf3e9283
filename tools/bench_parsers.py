"""The worst cost of each parser of foreign text: processor time and memory over a corpus of hostile inputs.

Each input is read in a process of its own, without a limit on time; what the site reads in a limited process is read in
the same limited process here.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.core import client_address, limited_process
from app.models.architecture.config import UnreadableError
from app.models.architecture.naming import understood
from app.pricing.search.parse_query import parse as parse_query
from app.pricing.sources.ecb import read_rates
from app.privacy.mail.html_text import html_text
from app.privacy.mail.parser import read
from app.privacy.mail.sync import READING, SMALL_BYTES
from app.privacy.requests import request
from app.site.estimate_api import _given
from app.submissions import free_text
from app.telemetry.user_agents import families
from app.web import form_body
from app.web.content_encoding import negotiate
from tools.bench_site import Line

MEGABYTE = 1_000_000
HEAD = "From: a@x.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n"


def mail(kind: str, body: str, subject: str = "x") -> bytes:
    return (HEAD.format(kind=kind, subject=subject) + body).encode("utf-8", "replace")


def deep(opening: str, closing: str, times: int = 100_000) -> str:
    return opening * times + closing * times


NESTED = "".join(f'--b{n}\r\nContent-Type: multipart/mixed; boundary="b{n + 1}"\r\n\r\n' for n in range(20_000))
MAILS = {
    "unclosed tags": mail("text/html", "<a " * 10 * MEGABYTE), "many comments": mail("text/html",
    "<!--" * 7 * MEGABYTE),
    "deep quotations": mail("text/html", deep("<blockquote>", "</blockquote>", 500_000)),
    "deep divisions": mail("text/html", deep("<div class='gmail_quote'>", "</div>", 500_000)),
    "many encoded words": mail("text/plain", "x", "=?utf-8?Q?=41?= " * 500_000),
    "nested parts": mail('multipart/mixed; boundary="b0"', NESTED),
    "many parts": mail('multipart/mixed; boundary="b"', "--b\r\n\r\nx\r\n" * 500_000),
    "one long line": mail("text/plain", "x" * 30 * MEGABYTE), "thirty megabytes of words": mail("text/plain",
    "delete my data. " * 2_000_000),
    "broken base64": mail("text/plain\r\nContent-Transfer-Encoding: base64", "=A" * 10 * MEGABYTE),
    "one address after another": b"From: " + b"a@b.example, " * 500_000 + b"\r\n\r\nx",
}  # fmt: skip
FILES = {
    "columns": ("a," * 100_000 + "\n").encode() + b"1,\n" * 100_000,
    "rows": b"n_prompt,n_gen,avg_ts,model_type\n" + b"1,2,3,x\n" * 110_000,
    "deep JSON": deep("[", "]", 400_000).encode(), "deep objects": deep('{"a":', "}", 140_000).encode(),
    "long numbers": b'{"completed": ' + b"9" * 850_000 + b"}",
    "many runs": b'{"median_ttft_ms":1,"output_throughput":2}\n' * 20_000,
    "a table": b"|a|b|t/s|test|\n" + b"|1|2|3|pp1|\n" * 60_000, "quotes": b'a,b,c,d\n"' + b'""' * 400_000,
    "SQL": b"INSERT INTO t (" + b"a," * 400_000,
}  # fmt: skip
LAYERS = {
    "model_type": "llama",
    "num_hidden_layers": 10**9,
    "hidden_size": 10**9,
    "layer_types": ["full_attention"] * 500_000,
}
TEXT = {
    "digits": "4111 " * 200_000,
    "letters and digits": "DE89 " * 200_000,
    "marks": "1._" * 300_000,
    "joiners": "a\u0301" * 500_000,
}
QUERIES: dict[str, list[tuple[str, str]]] = {
    "many names": [(f"n{n}", "x") for n in range(50_000)], "many values": [("gpu", "h100")] * 50_000,
    "one long word": [("q", "h" * 500_000)], "many words": [("q", "h100 spot " * 50_000)],
}  # fmt: skip
WORDS = {
    "lines": "From: a\n" * 300_000, "a long sentence": "delete my data " * 100_000,
    "attributions": "on a 1 <a@b.c> " * 100_000,
    "accents": "\u0301" * 500_000, "codes": "IB-2222-" * 200_000,
}  # fmt: skip

Parser = tuple[str, Callable[[Any], Any], dict[str, Any], str]


def _mail(raw: bytes) -> None:
    if len(raw) <= SMALL_BYTES:
        read(raw, len(raw))
        return
    head = json.dumps([len(raw), []]).encode() + b"\n"
    try:
        asyncio.run(limited_process.call("app.privacy.mail.parser:read_plain", head + raw, READING))
    except (limited_process.LimitError, limited_process.RefusedError):
        read(raw[:16_000], len(raw))


def _file(data: bytes) -> None:
    asyncio.run(limited_process.call("app.submissions.result_files:parse_for_form", data))


def _text(text: str) -> None:
    free_text.plain(text[:20_000], 20_000, lines=True)
    free_text.refuse_numbers_of_people(text[:20_000])


def _chain(text: str) -> None:
    client_address.client("127.0.0.1", text, (ipaddress.ip_network("127.0.0.0/8"),))


def _words(text: str) -> None:
    request.guess(text[:200], text[:20_000])
    request.codes_written("", text[:20_000])


PARSERS: tuple[Parser, ...] = (
    ("a mail of up to 30 MB", _mail, MAILS, "< 2 s, < 200 MB"),
    ("an uploaded result file", _file, FILES, "< 2 s, < 100 MB"),
    ("HTML of 1 MB, here", html_text, {n: m[:MEGABYTE].decode() for n, m in MAILS.items() if b"text/html" in m[:200]},
    "linear"),
    ("what a mail asks", _words, WORDS, "< 1 s"),
    ("text of a form", _text, TEXT, "< 0.1 s"),
    ("a query", parse_query, QUERIES, "< 0.1 s"),
    ("the body of POST /api/estimate", _given, {"deep": deep("[", "]").encode(),
    "long": b'{"model":"' + b"x" * MEGABYTE + b'"}'}, "< 0.1 s"),
    ("a model's config.json", lambda config: understood("x/y", config), {"layers": LAYERS, "empty": {}, "list": []},
    "< 1 s"),
    ("a posted form", form_body._url_encoded, {"escapes": b"a=" + b"%41" * 330_000, "words": b"a=" + b"x+" * 490_000},
    "< 0.5 s"),
    ("X-Forwarded-For", _chain, {"trusted": "127.0.0.1," * 6_000, "odd": "[::" * 20_000}, "< 0.1 s"),
    ("a User-Agent", families, {"long": "Mozilla/5.0 (" + "a;" * 4_000, "versions": "Firefox/" + "1." * 4_000},
    "< 0.1 s"),
    ("Accept-Encoding", negotiate, {"many": "br;q=0.5," * 6_000, "odd": ";" * 60_000}, "< 0.1 s"),
    ("exchange rates", read_rates, {"entities": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "deep": deep("<x>", "</x>",
    50_000)}, "< 1 s"),
)  # fmt: skip


def _measured(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the processor and megabytes that ``work`` takes in a process of its own, with the processes it
    starts."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(Exception, UnreadableError):  # a refusal is an answer
            work()
        os._exit(0)
    _, _, used = os.wait4(pid, 0)  # the larger of the process and of each that it waited for
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def parsers(_: Path) -> Iterator[Line]:
    """The worst of each parser."""
    families("Firefox/1")  # its list is loaded once in the site's life
    parse_query([("q", "h100 spot europe")])
    idle = _measured(lambda: None)[1]
    for name, work, inputs, goal in PARSERS:
        costs = {kind: _measured(lambda given=given, work=work: work(given)) for kind, given in inputs.items()}  # type: ignore[misc]
        slow, large = max(costs, key=lambda kind: costs[kind][0]), max(costs, key=lambda kind: costs[kind][1])
        grown = max(0.0, costs[large][1] - idle)
        cost = f"{costs[slow][0]:.2f} s ({slow}), {grown:.0f} MB ({large})"
        yield f"{name}: worst processor time and memory of {len(inputs)} hostile inputs", cost, goal
