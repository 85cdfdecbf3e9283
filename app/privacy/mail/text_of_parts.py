"""The readable text of a message, from its parts. Pure."""

import re
from email.message import Message

from app.privacy.mail.charsets import decoded, header_text
from app.privacy.mail.html_text import html_text
from app.privacy.mail.identifiers import mailbox_of

MOST_TEXT = 20_000
MOST_PARTS, MOST_DEPTH = 200, 5
NO_TEXT = frozenset(
    (
        "text/calendar",
        "text/vcard",
        "text/x-vcard",
        "text/directory",
        "text/csv",
        "text/css",
        "text/javascript",
        "text/x-amp-html",
    )
)
"""Parts whose type is text but that are no text for a reader."""
HTML = ("text/html", "application/xhtml+xml")
TAGGED = ("text/enriched", "text/richtext")
"""RFC 1896 and RFC 1341: words in angle brackets around text."""
_FOREWORD = re.compile(r"multi-?part|MIME|not.{0,40}support", re.IGNORECASE)
"""The note that programs put before the first part, for mail programs from before MIME (1992)."""
DIFFERS = 0.1
"""If this share of an HTML part's words is not in the plain part, the two differ and both are stored."""


def readable(message: Message, depth: int = 0) -> tuple[str, int]:
    """The readable text, plain before HTML, and the number of attachments. A forwarded message in it is marked as
    quoted."""
    plain: list[str] = []
    rich: list[str] = []
    attached = 0
    parts = _parts(message)
    for part in parts:
        if sum(map(len, plain)) > MOST_TEXT:
            break
        kind = _kind(part)
        within = part.get_payload()
        if isinstance(within, list) and within and isinstance(within[0], Message) and depth < MOST_DEPTH:
            text, _ = readable(within[0], depth + 1)
            theirs = _sender(within[0]) != _sender(message)  # one's own older message is one's own words
            plain.append("\n".join(f"> {line}" for line in text.splitlines()) if theirs else text)
            continue
        is_attached = part.get_content_disposition() == "attachment" and part is not message
        if kind.startswith("multipart/"):  # its boundary is missing, or is not the one that is named
            plain.append(_payload(part))
        elif is_attached or (not kind.startswith("text/") and kind not in HTML) or kind in NO_TEXT:
            attached += 1
        elif kind in HTML:
            rich.append(html_text(_payload(part)))
        elif kind in TAGGED:
            plain.append(re.sub(r"<[^<>]{0,40}>", " ", _payload(part)))
        else:
            plain.append(_unflowed(part, _payload(part)))
    if (
        attached
        and len(parts) == 1
        and kind == "application/octet-stream"
        and (whole := _payload(message)).isprintable()
    ):
        plain, attached = [whole], 0
    outside = [text for text in _outside(message) if text.strip() and not _FOREWORD.search(text)]
    return "\n".join([*_chosen(plain, rich), *outside]), attached


def _sender(message: Message) -> str:
    return mailbox_of(str(message.get("from", "")))


def _chosen(plain: list[str], rich: list[str]) -> list[str]:
    """The plain parts if they say the same as the HTML; else both."""
    if not any(text.strip() for text in plain):
        return rich
    said = set(re.findall(r"\w+", " ".join(plain).casefold()))
    words = set(re.findall(r"\w+", " ".join(rich).casefold()[:MOST_TEXT]))
    new = words - said
    return [*plain, *rich] if len(new) > 3 and len(new) > DIFFERS * len(words) else plain


def _unflowed(part: Message, text: str) -> str:
    """Lines that ``format=flowed`` broke, joined again (RFC 3676)."""
    if str(part.get_param("format", "")).casefold() != "flowed":
        return text
    joined = str(part.get_param("delsp", "")).casefold() == "yes"
    found: list[str] = []
    open_line = False
    for line in text.replace("\r\n", "\n").split("\n"):
        flows = line.endswith(" ") and line != "-- "
        if open_line and not line.startswith(">"):
            found[-1] += line[1:] if line.startswith(" ") else line
        else:
            found.append(line)
        if flows and joined:
            found[-1] = found[-1].removesuffix(" ")
        open_line = flows and not line.startswith(">")
    return "\n".join(found)


def _outside(message: Message) -> list[str]:
    """The text before the first part and after the last: no program shows it, but somebody may have written it."""
    return [text[:MOST_TEXT] for text in (message.preamble, message.epilogue) if isinstance(text, str)]


def _kind(part: Message) -> str:
    """The part's content type, decoded even if it is encoded against the rules; one that can't be read counts as no
    text."""
    said = part.get("content-type")
    if said is None:
        return "text/plain"
    text = str(said)
    if "=?" in text:
        try:
            text = header_text(text[:2_000])
        except Exception:
            return "application/octet-stream"
        match = re.match(r"\s*([\w.+-]+/[\w.+-]+)", text)
        return match[1].casefold() if match else "application/octet-stream"
    return part.get_content_type()


def _parts(message: Message) -> list[Message]:
    """The parts without parts of their own, in order, at any depth; an attached message is one part."""
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        inner = part.get_payload()
        enclosed = part.get_content_type() == "message/rfc822" and part is not message
        if part.is_multipart() and isinstance(inner, list) and not enclosed:
            waiting += [child for child in reversed(inner[:MOST_PARTS]) if isinstance(child, Message)]
        else:
            found.append(part)
    return found


def _payload(part: Message) -> str:
    said = str(part.get("content-transfer-encoding", ""))
    stated = re.sub(r"\([^()]*\)", "", said).strip(" \t\r\n;").casefold()
    if stated != said.casefold():  # the mail library reads the bare word alone
        del part["content-transfer-encoding"]
        part["Content-Transfer-Encoding"] = stated
    inner = part.get_payload()
    if stated == "base64" and isinstance(inner, str) and re.match(r"\s*\S+[ \t]+\S", inner):
        del part["content-transfer-encoding"]  # words with spaces between them: it says base64 and is none
    try:
        data = part.get_payload(decode=True)
    except Exception:
        data = None
    if not isinstance(data, bytes):
        return str(part.get_payload())[:MOST_TEXT]
    most = MOST_TEXT * 8
    try:
        charset = part.get_content_charset()
    except Exception:
        charset = None
    return decoded(data[:most], charset, whole=len(data) <= most)
