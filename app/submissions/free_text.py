"""Text that people type: bounded, plain, normalised, and free of what we must not hold. Pure."""

import re
import unicodedata

ZERO_WIDTH_JOINER = "\u200d"
_CARD = re.compile(r"(?<![\w.,])(?:\d[ -]?){11,18}\d(?!\w|[.,]\d)", re.ASCII)
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-]|\.\d)", re.ASCII)


class TextError(ValueError):
    """The text can't be taken; the message says why and what to do."""


def plain(text: str, most: int, *, lines: bool = False) -> str:
    """The text as it is kept: NFC, line ends as newlines, outer space off.

    Raises :class:`TextError` for what is too long, invisible, changes the direction of reading, or is a control character.
    Nothing inside is taken out silently.
    """
    found = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(found) > most:
        raise TextError(f"is {len(found):,} characters long; at most {most:,} are kept")
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
    """Raise :class:`TextError` for a stand-alone card number or social security number, in any script's digits."""
    folded = unicodedata.normalize("NFKC", text)
    if any(_is_card(re.sub(r"\D", "", match[0])) for match in _CARD.finditer(folded)):
        raise TextError("holds what looks like the number of a payment card; take it out, we must not keep it")
    if _SSN.search(folded):
        raise TextError("holds what looks like a social security number; take it out, we must not keep it")


def _is_card(digits: str) -> bool:
    """Issuer's prefix, length (ISO/IEC 7812) and check digit (Luhn)."""
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
    return issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 * (number > 9)
    return total % 10 == 0
