"""Parsing a message: bytes → the parts that matter. Pure; any bytes give something that can be stored.

Automatic mail is recognised by RFC 3834 and the usual headers; such mail opens a case and gets no automatic answer.
"""

import hashlib
import json
import re
from dataclasses import astuple, dataclass, replace
from email import message_from_bytes, policy
from email.message import Message
from itertools import islice
from typing import Any

from app.privacy.mail import identifiers
from app.privacy.mail.charsets import decoded, header_text
from app.privacy.mail.text_of_parts import MOST_TEXT, readable

MOST_BYTES = 2_000_000
"""Of a larger message only the beginning is read; attachments are never stored."""
HEAD_BYTES = 200_000
BEGINNING_BYTES = 16_000
MOST_SUBJECT = 200
MOST_HEADER = 4_000
"""How much of a header is decoded: a longer one is no subject, and decoding many encoded words takes long."""
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "x-autoreply",
    "x-autorespond",
)
_DAEMONS = re.compile(r"(mailer-daemon|postmaster|microsoftexchange[0-9a-f]{16,40})@", re.IGNORECASE)
_ABSENT = re.compile(
    r"\s*(automatic reply|auto(mated)?[- ]?(reply|response)|out of (the )?office|automatische "
    r"(antwort|r[üu]ckmeldung)|abwesenheit"
    r"|r[ée]ponse automatique|respuesta autom[áa]tica|risposta automatica|resposta autom[áa]tica|r[ae]sposta "
    r"autom[àa]tica"
    r"|automatisch (antwoord|bericht)|autosvar|automatisk[t]? svar|automaattinen vastaus|poissaolo|automaatvastus"
    r"|autoodpowied[źz]|odpowied[źz] automatyczna|automatick[áa] odpov[ěe][ďd]|automatick[áa] odpove[ďd]|automatikus "
    r"v[áa]lasz"
    r"|r[ăa]spuns automat|автоматич(ен|еский|на|ный)|автоответ|αυτόματη απάντηση|automatski odgovor|samodejni "
    r"odgovor|samodejen odgovor"
    r"|automatinis atsakymas|automātiskā atbilde|otomatik yanıt|رد تلقائي|תשובה "
    r"אוטומטית|自動(応答|返信|回覆)|自动(答复|回复)|자동 ?회신|부재"
    r"|balasan otomatis|thư trả lời tự động|ตอบกลับอัตโนมัติ|undeliver(able|ed)|unzustellbar|non remis|delivery "
    r"status notification"
    r"|mail delivery failed|returned mail|failure notice|undelivered mail)",
    re.IGNORECASE,
)
"""How the subjects of absence notes and reports of delivery begin, where no header says so."""
_ROBOTS = re.compile(
    r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|bounce[+-].*|notifications?|listserv|majordomo|.*-(request|bounces|owner))@",
    re.IGNORECASE,
)
_COPIED_ID = re.compile(r"^[> \t]{0,8}Message-ID:\s{0,4}(<[^<>\s]{3,250}>)", re.IGNORECASE | re.MULTILINE)
_SPACE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Read:
    """The stored parts of a message.

    ``key`` identifies the message, so that it is stored once; ``answers`` are the identifiers it replies to.
    ``automatic`` says why it gets no automatic answer, ``""`` if it may get one; ``note`` says what was left out.
    """

    key: str
    message_id: str
    answers: tuple[str, ...]
    sender: str
    subject: str
    text: str
    automatic: str
    checks: str
    note: str
    is_report: bool = False
    """True for a bounce or an automatic reply: it belongs to what it answers and asks for nothing itself."""


def read_plain(data: bytes) -> list[Any]:
    """:func:`read` in a process of its own. ``data`` is a line of JSON with the size and our addresses, then the
    message; the result is in plain types."""
    head, _, raw = data.partition(b"\n")
    size, ours = json.loads(head)
    return list(astuple(read(raw, size, frozenset(ours))))


def read_beginning(raw: bytes, size: int, ours: frozenset[str], why: str) -> Read:
    """A message that exceeded a limit: its head and the beginning of its text, with the reason ``why`` in its note."""
    found = read(_unstructured(raw), len(raw[:BEGINNING_BYTES]), ours)
    note = "; ".join(filter(None, (f"could not be read whole ({why}): this is its beginning", found.note)))
    return replace(found, note=note[:300])


def _unstructured(raw: bytes) -> bytes:
    """The head without the headers that describe the body's structure, and the beginning of the body, so that the mail
    library does not parse the structure."""
    head, _, body = raw[:BEGINNING_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")
    kinds = (b"content-type:", b"content-transfer-encoding:", b"mime-version:")
    kept, leaving = [], False
    for line in head.split(b"\n"):
        leaving = line.lower().startswith(kinds) or (leaving and line[:1] in b" \t" and line != b"")
        kept += [] if leaving else [line]
    return b"\n".join([*kept, b"", body])


def read(raw: bytes, size: int, ours: frozenset[str] = frozenset()) -> Read:
    """Read a message of ``size`` bytes, of which ``raw`` may be the beginning.

    ``ours`` are the addresses that we send from.
    """
    try:
        raw = _few_boundaries(raw)
        message: Message = message_from_bytes(
            raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\r\n", b"\r\n"), policy=policy.compat32
        )
        sender, subject = _sender(message), _header(message, "subject")[:MOST_SUBJECT]
        text, left_out = readable(message)
        broken = False
    except Exception:  # a parser's fault must lose nobody's request
        message, sender, subject, text, left_out = _read_plainly(raw)
        broken = True
    sender, subject = _sound(sender), _sound(subject)
    text = _SPACE.sub(" ", _sound(text).replace("\r\n", "\n").replace("\r", "\n")).strip()
    notes = [f"cut at {MOST_TEXT:,} characters"] * (len(text) > MOST_TEXT) + [
        f"{left_out} attachments not kept"
    ] * bool(left_out)
    if broken:
        notes.append("its structure could not be read: this is its beginning")
    if size > len(raw):
        notes.append(f"{size / 1e6:.0f} MB: only the beginning was read")
    notes += [] if sender else _unread_sender(message)
    message_id = identifiers.message_id(_raw(message, "message-id"))
    kept = text[:MOST_TEXT]
    whose = sender or _raw(message, "from")  # of two senders that can't be read, neither is the other
    key = hashlib.sha256(
        "\0".join((message_id, whose, subject, _header(message, "date"), kept)).encode("utf-8", "replace")
    ).hexdigest()
    answers = identifiers.message_ids(f"{_raw(message, 'in-reply-to')} {_raw(message, 'references')}")[-30:]
    is_report = _is_report(message, sender)
    if is_report:  # it holds the letter that it speaks of, or its head
        copied = _COPIED_ID.findall(raw[:HEAD_BYTES].decode("ascii", "replace"))
        answers = (*answers, *(one for one in identifiers.message_ids(" ".join(copied[:30])) if one != message_id))
    return Read(
        key,
        message_id,
        answers,
        sender,
        subject,
        kept,
        _automatic(message, sender, ours),
        _checks(message),
        "; ".join(notes)[:300],
        is_report,
    )


def _read_plainly(raw: bytes) -> tuple[Message, str, str, str, int]:
    """What :func:`read` needs of a message whose structure the library can't parse."""
    try:
        message: Message = message_from_bytes(_unstructured(raw), policy=policy.compat32)
        return message, _sender(message), _header(message, "subject")[:MOST_SUBJECT], *readable(message)
    except Exception:
        return Message(), "", "", raw[:MOST_TEXT].decode("utf-8", "replace"), 0


MOST_BOUNDARIES = 7_000
"""The most lines that may begin a part. The mail library needs time for each part, and this many hold more text than is
stored."""


def _few_boundaries(raw: bytes) -> bytes:
    at = 0
    for _ in range(MOST_BOUNDARIES):
        at = raw.find(b"\n--", at + 1)
        if at < 0:
            return raw
    return raw[:at]


def _sound(text: str) -> str:
    """The text without lone surrogates, which no database accepts."""
    return text.encode("utf-8", "replace").decode()


def _raw(message: Message, name: str) -> str:
    """A header's value unfolded but not decoded: an identifier inside an encoded word does not count."""
    value = message.get(name)
    return "" if value is None else re.sub(r"\s+", " ", str(value)[: MOST_HEADER * 2])


def _header(message: Message, name: str) -> str:
    """A header's first value as text, whatever it was encoded with; bytes that nobody encoded are read too (RFC
    6532)."""
    value = next((str(found) for key, found in message.raw_items() if key.casefold() == name), None)
    if value is None:
        return ""
    try:
        sound = value[:MOST_HEADER].encode("utf-8", "surrogateescape")
        return re.sub(r"\s+", " ", _SPACE.sub(" ", header_text(decoded(sound, None)))).strip()
    except Exception:  # a broken encoding
        return re.sub(r"\s+", " ", _SPACE.sub(" ", value[:MOST_HEADER])).encode("utf-8", "replace").decode().strip()


def _sender(message: Message) -> str:
    """The one address in From, or in Sender, read before anything is decoded; of two From headers none is believed."""
    for name in ("from", "sender"):
        values = [str(found) for key, found in message.raw_items() if key.casefold() == name]
        if len(values) == 1 and (found := identifiers.mailbox_of(_plain(values[0]))):
            return found
        if len(values) > 1:
            return ""
    return ""


MOST_FROM = 150


def _unread_sender(message: Message) -> list[str]:
    """What stood in From although it is no single address, for the operator; nothing is sent there automatically. Of a
    long one the middle is left out, since its end has the domain."""
    heads = (str(found) for key, found in message.raw_items() if key.casefold() == "from")
    stood = [_sound(_plain(found)) for found in islice(heads, 3)]  # there may be many thousands
    text = _SPACE.sub(" ", " and ".join(stood)).strip()
    if len(text) > MOST_FROM:
        text = f"{text[: MOST_FROM // 2]} … {text[-MOST_FROM // 2 + 3 :]}"
    return [f"no single address to answer to; From: {text}"] if text else []


def _plain(value: str) -> str:
    """A header's value on one line, bytes that nobody encoded as text."""
    return re.sub(r"\s+", " ", decoded(value[:MOST_HEADER].encode("utf-8", "surrogateescape"), None))


def _automatic(message: Message, sender: str, ours: frozenset[str]) -> str:
    said = _header(message, "auto-submitted").casefold().split(";")[0].strip()
    path = message.get("return-path")
    reasons = (
        (not sender, "no single address to answer to"),
        (sender in ours, "from ourselves"),
        (said not in ("", "no"), f"an automatic mail ({said[:30]})"),
        (bool(_ABSENT.match(_header(message, "subject"))), "an automatic reply"),
        (
            "all" in (asked := _header(message, "x-auto-response-suppress").casefold()) or "autoreply" in asked,
            "asked not to",
        ),
        (_header(message, "precedence").casefold() in ("bulk", "list", "junk", "auto_reply"), "bulk mail"),
        (any(message.get(name) is not None for name in _LIST_HEADERS), "a list or an automatic mail"),
        (path is not None and "@" not in str(path), "an empty return path"),
        (bool(_ROBOTS.match(sender)), "an address that reads no mail"),
        (message.get_content_type() in ("multipart/report", "message/delivery-status"), "a report of delivery"),
        ("dmarc=fail" in _checks(message), "DMARC failed"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _is_report(message: Message, sender: str) -> bool:
    """A program's answer to a letter: RFC 3834's header, an empty return path (RFC 5321, 4.5.5), a report of delivery,
    or what programs older than these write."""
    said = _header(message, "auto-submitted").casefold().split(";")[0].strip()
    path = message.get("return-path")
    return (
        said not in ("", "no")
        or (path is not None and "@" not in str(path))
        or message.get_content_type() in ("multipart/report", "message/delivery-status")
        or any(message.get(name) is not None for name in ("x-autoreply", "x-autorespond", "x-failed-recipients"))
        or _header(message, "precedence").casefold() == "auto_reply"
        or bool(_DAEMONS.match(sender))
        or bool(_ABSENT.match(_header(message, "subject")))
    )


def _checks(message: Message) -> str:
    """SPF, DKIM and DMARC as the receiving server found them: its header is the topmost."""
    text = _header(message, "authentication-results").casefold()
    found = [
        f"{name}={match[1]}"
        for name in ("spf", "dkim", "dmarc")
        if (match := re.search(rf"\b{name}=(\w{{1,12}})", text))
    ]
    return " ".join(found)
