"""Text that people type: bounded, plain, normalised, and without data that we must not hold. Pure."""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from string import ascii_uppercase
from urllib.parse import unquote_plus

from stdnum import iban, luhn, numdb
from stdnum.cn import ric
from stdnum.in_ import aadhaar
from stdnum.us import ssn

ZERO_WIDTH_JOINER = "\u200d"
_RUN = re.compile(r"(?<![\w.,])(?:\d[ -]{0,2}){11,18}\d(?!\w|[.,]\d)", re.ASCII)
_GROUP = re.compile(r"\d+", re.ASCII)
_BETWEEN = re.compile(r" ?[^\w\n|] ?|[^\W\d]|[_|]| {1,2}")
"""What may separate the groups of one number: a single mark or letter. A new line separates numbers."""
_LISTING = re.compile(r"[,;]|[^\W\d]")
"""What separates the groups of a number or the figures of a list."""
ROUND = (16, 10)
"""Counts of tokens and requests are multiples of one of these; four groups of a card are so once in 2,000 cards."""
_CARD_GROUPS = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (8, 8))
"""Digits of each group, as cards are printed and typed."""
MOST_FIGURES = 6
"""More consecutive groups of four digits than this are taken for the figures of a table."""
MOST_LISTED = 5
"""The same between commas: a card and the month of its end."""
_FRACTION_BEGINS = re.compile(r"\d\.$|(?:^|[^\d/.-])\d{1,3},$")
_FRACTION_FOLLOWS = re.compile(r"\.\d")
_NAMED_SSN = re.compile(r"(?i)(?:ssn|soc\w{0,9}\W{0,3}sec)\D{0,20}(\d{9})(?!\d)", re.ASCII)
_SSN = re.compile(r"(?<![\d.-])\d{3}( ?- ?|[ ./_\u00b7])\d{2}\1\d{4}(?!\d|-|\.\d)", re.ASCII)
_LISTED_SSN = re.compile(r"(?<!\d)(?<!\d[.,;-])(\d{3})([,;])(\d{2})\2(\d{4})(?!\d|[.,;-]\d)", re.ASCII)
"""Separated as figures of a list: only the whole list, which may consist of round figures instead."""
_IBAN = re.compile(r"(?<!\w)(?=([A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}))", re.ASCII)
"""Text that may begin with an IBAN, even if words follow it directly."""
_LETTERS_AS_DIGITS = {ord(letter): str(number) for number, letter in enumerate(ascii_uppercase, 10)}
"""ISO 7064, as check digits of accounts are computed."""
_GOVERNMENT = re.compile(
    r"(?<![\w.,])(?:[A-Za-z]{2}[ -]?(?:\d{2}[ -]?){3}[A-Da-d]"
    r"|(?<!\d{4}[ -])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![ -]\d{4})|\d{17}[\dXx])(?!\w|[.,]\d)",
    re.ASCII,
)
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
"""HMRC's rule for the prefix: neither letter D, F, I, Q, U or V, the second not O, and some pairs never given."""


class TextError(ValueError):
    """The text can't be accepted; the message says why and what to do."""


def plain(text: str, most: int, *, lines: bool = False) -> str:
    """The text as it is stored: NFC, newlines as line ends, stripped.

    Raises :class:`TextError` for what is too long, invisible, changes the direction of reading, or is a control
    character. Nothing is removed silently.
    """
    found = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(found) > most:
        raise TextError(f"is {len(found):,} characters long; at most {most:,} are kept")
    if (found.replace("\n", " ") if lines else found).isprintable():
        return found  # as nearly every text: none of it has to be looked at
    for at, character in enumerate(found):
        if character == "\n" and lines:
            continue
        kind = unicodedata.category(character)
        if kind in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp") and not _joins_emoji(found, at):
            name = unicodedata.name(character, "a control character").lower()
            where = "a line break" if character == "\n" else f"{name} (U+{ord(character):04X})"
            raise TextError(
                f"holds {where} at position {at + 1}, which can't be seen or changes how the rest reads; take it out"
            )
    return found


def _joins_emoji(text: str, at: int) -> bool:
    if text[at] != ZERO_WIDTH_JOINER or not 0 < at < len(text) - 1:
        return False
    before = text[at - 2] if text[at - 1] == "\ufe0f" and at > 1 else text[at - 1]
    return unicodedata.category(before) in ("So", "Sk") and unicodedata.category(text[at + 1]) == "So"


def refuse_numbers_of_people(text: str) -> None:
    """Raise :class:`TextError` for a number of a payment card, a bank account or a person.

    Digits of any script count, escaped or not, and groups of digits with any separator. Check digits are verified
    (python-stdnum): a number that only looks similar, such as a benchmark's figure, is accepted.
    """
    folded = _folded(text)
    if (opened := _opened(text)) != text:  # a reader sees what an escape encodes
        folded += f"\n{_folded(opened)}"
    if any(_is_card(digits) for digits in _stand_alone(folded)):
        raise TextError("holds what looks like the number of a payment card; take it out, we must not keep it")
    if any(_begins_with_iban(match[1]) for match in _IBAN.finditer(folded)):
        raise TextError("holds what looks like the number of a bank account (IBAN); take it out, we must not keep it")
    if any(ssn.is_valid(number) for number in _like_ssn(folded)):
        raise TextError("holds what looks like a social security number; take it out, we must not keep it")
    if any(_is_government_number(match[0]) for match in _GOVERNMENT.finditer(folded)):
        raise TextError(
            "holds what looks like a number that a government gave a person; take it out, we must not keep it"
        )


def refuse_numbers_in_address(text: str) -> None:
    """As :func:`refuse_numbers_of_people`, for links and mail addresses: any mark may separate."""
    refuse_numbers_of_people(text)
    refuse_numbers_of_people(re.sub(r"[^\w]+|_", " ", _opened(text)))


def _opened(text: str) -> str:
    """The text with HTML entities and percent-encoding decoded, repeatedly if they are nested."""
    for _ in range(4):
        text = unquote_plus(html.unescape(text)) if "%" in text else html.unescape(text)
    return text


def _folded(text: str) -> str:
    """The text with compatibility forms folded, digits, dashes and spaces in ASCII, and combining marks removed."""
    if text.isascii():
        return text
    found = []
    for character in unicodedata.normalize("NFKC", text):
        kind = unicodedata.category(character)
        if kind == "Nd":
            found.append(str(unicodedata.digit(character)))
        elif kind == "Pd" or character == "\u2212":
            found.append("-")
        elif kind not in ("Mn", "Me", "Cf"):
            found.append(" " if kind == "Zs" else character)
    return "".join(found)


def _stand_alone(folded: str) -> Iterator[str]:
    """The digits of every part of the text that may be one number: whole runs, single groups, and neighbouring groups
    in the sizes that payment cards use, whatever figures surround them."""
    for match in _RUN.finditer(folded):
        yield re.sub(r"\D", "", match[0])
    chain: list[str] = []
    mark, end = "", -9
    for match in _GROUP.finditer(folded):
        between = folded[end : match.start()] if end >= 0 else "\n"
        end = match.end()
        if not _in_decimal(folded, *match.span()):
            yield match[0]
        found = (between.strip() or " ") if _BETWEEN.fullmatch(between) else ""
        if found and (found == mark or len(chain) == 1):
            chain.append(match[0])
        else:
            yield from _cards_of(chain, mark)
            chain = [chain[-1], match[0]] if found else [match[0]]
        mark = found
    yield from _cards_of(chain, mark)


def _cards_of(chain: list[str], mark: str) -> Iterator[str]:
    """The digits of neighbouring groups in the sizes that payment cards use; ``mark`` stood between them. Round figures
    between commas, such as ``1024, 2048, 4096, 8192``, are a list."""
    listing = bool(_LISTING.fullmatch(mark))
    if sum(len(group) == 4 for group in chain) > (MOST_LISTED if listing else MOST_FIGURES):
        return
    for at in range(len(chain)):
        for sizes in _CARD_GROUPS:
            groups = chain[at : at + len(sizes)]
            if tuple(map(len, groups)) == sizes and not (listing and all(map(_is_round, groups))):
                yield "".join(groups)


def _is_round(figure: str) -> bool:
    return any(int(figure) % step == 0 for step in ROUND)


def _in_decimal(folded: str, start: int, end: int) -> bool:
    """True if the digits are the integer or the fractional part of a decimal."""
    before, after = folded[max(0, start - 6) : start], folded[end : end + 2]
    return bool(_FRACTION_BEGINS.search(before) or _FRACTION_FOLLOWS.match(after))


def _begins_with_iban(text: str) -> bool:
    """True if the text begins with an account number, whatever words follow."""
    joined = text.replace(" ", "").replace("-", "").upper()
    length = _iban_length(joined[:2])
    if not 4 < length <= len(joined):
        return False
    digits = f"{joined[4:length]}{joined[:4]}".translate(_LETTERS_AS_DIGITS)
    return int(digits) % 97 == 1 and iban.is_valid(joined[:length])  # the check digits first: they are quick


@lru_cache(maxsize=26 * 26)
def _iban_length(country: str) -> int:
    """Characters of a country's account numbers; 4 where it has none."""
    structure = numdb.get("iban").info(f"{country}00")[0][1].get("bban", "")
    return 4 + sum(map(int, re.findall(r"\d+", structure)))


def _like_ssn(folded: str) -> Iterator[str]:
    """The digits of what is written as a social security number is."""
    yield from (match[1] for match in _NAMED_SSN.finditer(folded))
    yield from (re.sub(r"\D", "", match[0]) for match in _SSN.finditer(folded))
    for match in _LISTED_SSN.finditer(folded):
        if not all(map(_is_round, match.group(1, 3, 4))):
            yield "".join(match.group(1, 3, 4))


def _is_card(digits: str) -> bool:
    """Issuer's prefix, length (ISO/IEC 7812) and check digit."""
    two, four, six = int(digits[:2]), int(digits[:4]), int(digits[:6])
    length = len(digits)
    issued = (
        (digits[0] == "4" and length in (13, 16, 19))
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720))
        or (length == 15 and two in (34, 37))
        or (
            16 <= length <= 19
            and (four == 6011 or two == 65 or 644 <= six // 1000 <= 649 or two == 62 or 3528 <= four <= 3589)
        )
        or (14 <= length <= 19 and (300 <= four // 10 <= 305 or two in (36, 38, 39)))
        or (12 <= length <= 19 and two in (50, 56, 57, 58, 63, 67))
    )
    return issued and luhn.is_valid(digits)


def _is_government_number(text: str) -> bool:
    """A British National Insurance number by its form, an Indian Aadhaar or a Chinese resident number by its check
    digit."""
    plain_text = re.sub(r"[ -]", "", text).upper()
    return bool(_NINO.fullmatch(plain_text)) or aadhaar.is_valid(plain_text) or ric.is_valid(plain_text)
