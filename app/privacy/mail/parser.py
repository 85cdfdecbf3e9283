"""A message as bytes → what matters of it. Pure, and never at a loss: any bytes give something that can be kept.

Automatic mail is told by RFC 3834 and the usual headers; such mail opens a case and gets no automatic answer.
"""

import hashlib
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from html.parser import HTMLParser

MOST_BYTES = 2_000_000
"""A message over it is read at its beginning only; what is attached is not kept in any case."""
HEAD_BYTES = 200_000
MOST_TEXT, MOST_SUBJECT = 20_000, 200
MOST_PARTS, MOST_DEPTH = 200, 20
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "feedback-id",
    "x-loop",
    "x-autoreply",
    "x-autorespond",
    "x-auto-response-suppress",
)
_ROBOTS = re.compile(
    r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?|bounce[+-].*|notifications?|listserv|majordomo|.*-(request|bounces|owner))@",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z0-9-]{2,63}", re.ASCII
)
_SPACE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Read:
    """What is kept of a message. ``automatic`` says why it gets no automatic answer, ``""`` if it may; ``note`` what was left out."""

    key: str
    message_id: str
    answers: tuple[str, ...]
    sender: str
    subject: str
    text: str
    automatic: str
    checks: str
    note: str


def read(raw: bytes, size: int, ours: frozenset[str] = frozenset()) -> Read:
    """Read a message of ``size`` bytes, of which ``raw`` may be the beginning. ``ours`` are addresses that we write from."""
    try:
        message: Message = message_from_bytes(raw, policy=policy.compat32)
        sender, subject = _sender(message), _header(message, "subject")[:MOST_SUBJECT]
        text, left_out = _text(message)
    except Exception:  # a parser's fault must lose nobody's request
        message = Message()
        sender, subject, text, left_out = "", "", raw[:MOST_TEXT].decode("utf-8", "replace"), 0
    sender, subject = _sound(sender), _sound(subject)
    text = _SPACE.sub(" ", _sound(text).replace("\r\n", "\n").replace("\r", "\n")).strip()
    notes = [f"cut at {MOST_TEXT:,} characters"] * (len(text) > MOST_TEXT) + [
        f"{left_out} attachments not kept"
    ] * bool(left_out)
    if size > len(raw):
        notes.append(f"{size / 1e6:.0f} MB: only the beginning was read")
    message_id = _id(_header(message, "message-id"))
    kept = text[:MOST_TEXT]
    key = hashlib.sha256(
        "\0".join((message_id, sender, subject, _header(message, "date"), kept)).encode("utf-8", "replace")
    ).hexdigest()
    answers = tuple(
        re.findall(r"<([^<>\s]{3,250})>", f"{_header(message, 'in-reply-to')} {_header(message, 'references')}")
    )[-30:]
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
    )


def _sound(text: str) -> str:
    """Without lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode()


def _id(text: str) -> str:
    found = re.search(r"<([^<>\s]{1,250})>", text)
    return found[1] if found else ""


def _header(message: Message, name: str) -> str:
    """A header's first value as text, whatever it was encoded with."""
    try:
        value = message.get(name)
        if value is None:
            return ""
        parts = []
        for part, charset in decode_header(str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")):
            parts.append(_decoded(part, charset) if isinstance(part, bytes) else part)
        return re.sub(r"\s+", " ", _SPACE.sub(" ", "".join(parts))).strip()
    except Exception:  # an unknown charset, a broken encoding
        return (
            re.sub(r"\s+", " ", _SPACE.sub(" ", str(message.get(name, "")))).encode("utf-8", "replace").decode().strip()
        )


def _decoded(data: bytes, charset: str | None) -> str:
    for name in (charset or "utf-8", "utf-8", "latin-1"):
        try:
            return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("ascii", "replace")


def _sender(message: Message) -> str:
    """The address in From, or in Sender; the last part of a forged list is not believed: exactly one counts."""
    for name in ("from", "sender"):
        found = [
            address.casefold() for _, address in getaddresses([_header(message, name)]) if _ADDRESS.fullmatch(address)
        ]
        if len(found) == 1:
            return found[0][:254]
    return ""


def _automatic(message: Message, sender: str, ours: frozenset[str]) -> str:
    said = _header(message, "auto-submitted").casefold().split(";")[0].strip()
    path = message.get("return-path")
    reasons = (
        (not sender, "no single address to answer to"),
        (sender in ours, "from ourselves"),
        (said not in ("", "no"), f"an automatic mail ({said[:30]})"),
        (_header(message, "precedence").casefold() in ("bulk", "list", "junk", "auto_reply"), "bulk mail"),
        (any(message.get(name) is not None for name in _LIST_HEADERS), "a list or an automatic mail"),
        (path is not None and "@" not in str(path), "an empty return path"),
        (bool(_ROBOTS.match(sender)), "an address that reads no mail"),
        (message.get_content_type() in ("multipart/report", "message/delivery-status"), "a report of delivery"),
        ("dmarc=fail" in _checks(message), "DMARC failed"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _checks(message: Message) -> str:
    """SPF, DKIM and DMARC as the receiving server found them: its header is the topmost."""
    text = _header(message, "authentication-results").casefold()
    found = [
        f"{name}={match[1]}"
        for name in ("spf", "dkim", "dmarc")
        if (match := re.search(rf"\b{name}=(\w{{1,12}})", text))
    ]
    return " ".join(found)


def _text(message: Message) -> tuple[str, int]:
    """The readable text, plain before HTML, and how many attachments there were."""
    plain: list[str] = []
    html: list[str] = []
    attached = 0
    for number, part in enumerate(_parts(message, 0)):
        if number >= MOST_PARTS or sum(map(len, plain)) > MOST_TEXT:
            break
        kind = part.get_content_type()
        if part.get_filename() or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attached += 1
        elif kind == "text/html":
            html.append(_plain(_payload(part)))
        else:
            plain.append(_payload(part))
    return "\n".join(plain if any(text.strip() for text in plain) else html), attached


def _parts(message: Message, depth: int) -> "list[Message]":
    inner = message.get_payload()
    if not message.is_multipart() or not isinstance(inner, list):
        return [message]
    if depth >= MOST_DEPTH:
        return []
    return [part for child in inner[:MOST_PARTS] if isinstance(child, Message) for part in _parts(child, depth + 1)][
        :MOST_PARTS
    ]


def _payload(part: Message) -> str:
    try:
        data = part.get_payload(decode=True)
    except Exception:
        data = None
    if not isinstance(data, bytes):
        return str(part.get_payload())[:MOST_TEXT]
    return _decoded(data[: MOST_TEXT * 8], part.get_content_charset())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script", "head", "title")
        if tag in ("p", "br", "div", "tr", "li", "h1", "h2", "h3", "blockquote"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "head", "title") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _plain(html: str) -> str:
    reader = _Text()
    try:
        reader.feed(html)
        reader.close()
    except Exception:
        return re.sub(r"<[^>]*>", " ", html)
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.parts))
