"""The readable text of a message's parts: charsets as mail programs mean them, HTML as text in linear time. Pure."""

import codecs
import html
import re
from email.message import Message

MOST_TEXT = 20_000
MOST_PARTS, MOST_DEPTH = 200, 20
NO_TEXT = frozenset(
    ("text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/csv", "text/css", "text/javascript")
)
"""Parts that are called text and that nobody reads."""
CHARSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "hz-gb-2312": "hz",
    "chinese": "gb18030", "cp936": "gb18030",
    "us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252",
    "iso8859-1": "cp1252", "ansi": "cp1252",
    "iso-8859-9": "cp1254", "latin5": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874", "windows-874": "cp874",
    "x-mac-roman": "mac-roman",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ks_c_5601-1989": "cp949", "ksc5601": "cp949", "korean": "cp949",
    "ks_c_5601": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "ms_kanji": "cp932",
    "iso-2022-jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "x-euc-jp": "euc_jp",
    "big5": "big5hkscs", "x-x-big5": "big5hkscs",
    "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8",
    "unicode": "utf-16",
    "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "iso-8859-6-e": "iso-8859-6", "koi8-u": "koi8_u",
    "koi8-ru": "koi8_u",
    "windows-1252": "cp1252", "x-cp1252": "cp1252", "binary": "utf-8", "8bit": "utf-8", "default": "utf-8",
    "x-unknown": "", "unknown-8bit": "", "unknown": "",
}  # fmt: skip
"""Label → the encoding that is meant: programs put the narrower name on the wider set (WHATWG Encoding, sections 4
and 5)."""


def decoded(data: bytes, charset: str | None, *, whole: bool = True) -> str:
    """Bytes as text. ``whole`` is False for the beginning of something longer, whose last character may be cut."""
    label = (charset or "").strip(" '\"").casefold()
    named = CHARSETS.get(label, label)
    first = ("utf-8", named) if named in ("", "cp1252") else (named, "utf-8")  # what is valid UTF-8 is no accident
    for name in dict.fromkeys(filter(None, first)):
        try:
            return codecs.getincrementaldecoder(name)("strict").decode(data, final=whole)
        except (LookupError, UnicodeError):
            continue
    for name in dict.fromkeys(
        filter(None, (named, "utf-8"))
    ):  # some bytes are wrong: what is right is read all the same
        try:
            text = codecs.getincrementaldecoder(name)("replace").decode(data, final=whole)
        except (LookupError, UnicodeError):
            continue
        wrong = text.count("\ufffd")
        right = sum(not character.isascii() for character in text) - wrong
        if (name == named and wrong * 20 <= len(text)) or right >= 4 * wrong:
            return text
    return data.decode("cp1252", "replace")


def readable(message: Message) -> tuple[str, int]:
    """The readable text, plain before HTML, and how many attachments there were."""
    plain: list[str] = []
    rich: list[str] = []
    attached = 0
    for number, part in enumerate(_parts(message, 0)):
        if number >= MOST_PARTS or sum(map(len, plain)) > MOST_TEXT:
            break
        kind = _kind(part)
        if part.get_content_disposition() == "attachment" or not kind.startswith("text/") or kind in NO_TEXT:
            attached += 1
        elif kind == "text/html":
            rich.append(html_text(_payload(part)))
        else:
            plain.append(_payload(part))
    chosen = plain if any(text.strip() for text in plain) else rich
    if rich and chosen is plain and len(" ".join(plain).split()) < 3:  # a plain part that only says there is another
        chosen = [*plain, *rich]
    return "\n".join(chosen), attached


def _kind(part: Message) -> str:
    """The part's type; one that is encoded where nothing may be is decoded, one that can't be read is no text."""
    said = part.get("content-type")
    if said is None:
        return "text/plain"
    text = str(said)
    if "=?" in text:
        from email.header import decode_header

        try:
            text = "".join(
                decoded(value, name) if isinstance(value, bytes) else value
                for value, name in decode_header(text[:2_000])
            )
        except Exception:
            return "application/octet-stream"
        match = re.match(r"\s*([\w.+-]+/[\w.+-]+)", text)
        return match[1].casefold() if match else "application/octet-stream"
    return part.get_content_type()


def _parts(message: Message, depth: int) -> "list[Message]":
    inner = message.get_payload()
    if not message.is_multipart() or not isinstance(inner, list):
        return [message]
    if depth >= MOST_DEPTH:
        return []
    found: list[Message] = []
    for child in inner[:MOST_PARTS]:
        if isinstance(child, Message):
            found += _parts(child, depth + 1)
        if len(found) >= MOST_PARTS:
            break
    return found[:MOST_PARTS]


def _payload(part: Message) -> str:
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


_HIDDEN = ("style", "script", "title")
_BREAKS = frozenset(
    ("p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "table", "ul", "ol", "hr", "pre")
)


def html_text(source: str) -> str:
    """HTML as text, in one walk from left to right: each search begins where the last ended, and one that found nothing
    is not made again. What is not closed hides nothing."""
    found: list[str] = []
    at, folded = 0, source.casefold() if len(source.casefold()) == len(source) else source.lower()
    if len(folded) != len(source):
        folded = source  # letters whose small form is longer: names of tags are then read as they stand
    no_more: set[str] = set()

    def end_of(mark: str, start: int) -> int:
        if mark in no_more:
            return -1
        place = folded.find(mark, start)
        if place < 0:
            no_more.add(mark)
        return place

    while (begin := source.find("<", at)) >= 0:
        found.append(source[at:begin])
        if source.startswith("<!--", begin):
            end = end_of("-->", begin + 4)
            at = end + 3 if end >= 0 else begin + 4
            continue
        end = end_of(">", begin)
        if end < 0:
            at = begin
            break
        match = re.compile(r"</?([a-z][a-z0-9]{0,9})").match(folded, begin, end)
        if match is None:  # "a < b" is no tag
            found.append("<")
            at = begin + 1
            continue
        name = match[1]
        at = end + 1
        if name in _HIDDEN and folded[begin + 1] != "/" and folded[end - 1] != "/":
            closing = end_of(f"</{name}", at)
            if closing >= 0:
                past = end_of(">", closing)
                at = past + 1 if past >= 0 else len(source)
        elif name in _BREAKS:
            found.append("\n")
    found.append(source[at:])
    return re.sub(r"\n\s*\n\s*", "\n\n", html.unescape("".join(found)))
