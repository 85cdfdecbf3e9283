"""Decoding the bytes of a mail in the charset that the sending program meant. Pure.

Sources: WHATWG Encoding, sections 4 and 5 (a narrow name stands for the wider set in use); RFC 1468 and Microsoft's
code pages 50220 to 50222 (ISO-2022-JP with the vendors' rows).
"""

import codecs
import re
from email.header import decode_header

CHARSETS = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "hz-gb-2312": "hz",
    "chinese": "gb18030", "cp936": "gb18030",
    "us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252",
    "iso8859-1": "cp1252", "ansi": "cp1252",
    "iso-8859-9": "cp1254", "latin5": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874", "windows-874": "cp874",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic", "x-mac-ce": "mac-latin2", "x-mac-turkish": "mac-turkish",
    "x-mac-greek": "mac-greek",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ks_c_5601-1989": "cp949", "ksc5601": "cp949", "korean": "cp949",
    "ks_c_5601": "cp949",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "ms_kanji": "cp932",
    "iso-2022-jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext", "cp50222": "iso2022_jp_ext",
    "x-euc-jp": "euc_jp", "big5": "cp950", "x-x-big5": "cp950", "big5-eten": "cp950",
    "unicode-1-1-utf-7": "utf-7", "unicode-1-1-utf-8": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8",
    "utf8mb4": "utf-8", "cp-65001": "utf-8", "cp65001": "utf-8",
    "unicode": "utf-16", "iso-8859-8-i": "cp1255", "iso-8859-8-e": "cp1255", "iso-8859-8": "cp1255",
    "iso-8859-6-e": "iso-8859-6", "iso-8859-6-i": "iso-8859-6",
    "koi8-u": "koi8_u", "koi8-ru": "koi8_u",
    "windows-1252": "cp1252", "x-cp1252": "cp1252", "binary": "utf-8", "8bit": "utf-8", "default": "utf-8",
    "x-unknown": "", "unknown-8bit": "", "unknown": "",
}  # fmt: skip
"""Label → the encoding that is meant."""
ALSO = {"cp950": ("big5hkscs",), "euc_jp": ("euc_jis_2004",), "euc-jp": ("euc_jis_2004",), "big5-hkscs": ("cp950",)}
"""Encoding → others that the same label is put on."""
_NO_CHARSET = frozenset(
    ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "charmap", "mbcs", "oem")
)
"""Encodings of Python that no mail is written in."""


def decoded(data: bytes, charset: str | None, *, whole: bool = True) -> str:
    """``data`` as text. ``whole`` is False for the beginning of a longer text, whose last character may be cut off."""
    label = (charset or "").strip(" '\";").casefold()
    named = CHARSETS.get(label, label)
    if not _is_charset(named):
        named = ""
    # What is valid UTF-8 is no accident; only names of one-byte sets are put on UTF-8 by mistake.
    first = ("utf-8", named) if named in ("", "cp1252") else (named, *ALSO.get(named, ()), "utf-8")
    if named == "iso2022_jp_ext":
        first = (named,)  # its escape sequences are valid UTF-8 too
    for name in dict.fromkeys(filter(None, first)):
        try:
            text: str = codecs.getincrementaldecoder(name)("strict").decode(data, final=whole)
            return text.removeprefix("\ufeff")
        except (LookupError, UnicodeError):
            continue
    if named == "iso2022_jp_ext":
        return _iso_2022_jp(data)
    for name in dict.fromkeys(filter(None, (named, "utf-8"))):  # some bytes are wrong: what is right is read
        try:
            text = codecs.getincrementaldecoder(name)("replace").decode(data, final=whole)
        except (LookupError, UnicodeError):
            continue
        wrong = text.count("\ufffd")
        right = sum(not character.isascii() for character in text) - wrong
        if (name == named and wrong * 20 <= len(text)) or right >= 4 * wrong:
            return text
    return data.decode("cp1252", "replace")


def header_text(value: str) -> str:
    """A header's value with its encoded words read (RFC 2047). A broken encoding raises what the library raises."""
    parts = decode_header(value)
    return "".join(decoded(part, charset) if isinstance(part, bytes) else part for part, charset in parts)


def _is_charset(name: str) -> bool:
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return bool(getattr(found, "_is_text_encoding", True)) and found.name.replace("-", "_") not in _NO_CHARSET


_ESCAPE = re.compile(rb"\x1b(\([BJIH]|\$[@B]|\$\([DQOP])")


def _iso_2022_jp(data: bytes) -> str:
    """ISO-2022-JP with the rows that vendors added (①, ㈱, 髙): each pair of bytes moved to where code page 932 has
    it."""
    found: list[str] = []
    mode = b"(B"
    for at, piece in enumerate(_ESCAPE.split(data)):
        if at % 2:
            mode = piece
        elif mode in (b"$B", b"$@"):
            pairs = [_shifted(piece[n], piece[n + 1]) for n in range(0, len(piece) - 1, 2)]
            found.append(b"".join(pairs).decode("cp932", "replace"))
        elif mode == b"(I":
            found.append(bytes(byte | 0x80 for byte in piece).decode("cp932", "replace"))
        else:
            found.append(piece.decode("ascii", "replace"))
    return "".join(found)


def _shifted(first: int, second: int) -> bytes:
    """A pair of JIS X 0208 bytes as Shift_JIS bytes; a line break between pairs is left as it is."""
    if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
        return bytes(byte for byte in (first, second) if byte in b"\r\n\t ")
    lead = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
    trail = second + (0x1F if second < 0x60 else 0x20) if first % 2 else second + 0x7E
    return bytes((lead, trail))
