"""Addresses and message identifiers: the only parts of a received mail that may enter the headers of ours. Pure.

They are checked here, when a mail is read and again when one is composed. Only plain ASCII without spaces, line breaks,
encoded words and angle brackets passes, so that nothing can inject a header, whatever the version of Python's mail
library.
"""

import re

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOT_ATOM = rf"{_ATOM}(?:\.{_ATOM})*"
MESSAGE_ID = re.compile(rf"{_DOT_ATOM}@(?:{_DOT_ATOM}|\[[A-Za-z0-9.:-]+\])", re.ASCII)
"""``id-left@id-right`` of RFC 5322, section 3.6.4, without its obsolete and quoted forms."""
ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)+[A-Za-z0-9-]{2,63}", re.ASCII
)
LONGEST_ID, LONGEST_ADDRESS = 250, 254
_ENCODED = re.compile(r"=\?[^?\s]{1,60}\?[BbQq]\?[^?\s]*\?=")


def message_id(text: str) -> str:
    """The identifier, without its brackets; ``""`` if it is none that may go into a header of ours."""
    found = text.strip().removeprefix("<").removesuffix(">")
    return found if len(found) <= LONGEST_ID and MESSAGE_ID.fullmatch(found) and "=?" not in found else ""


def message_ids(text: str) -> tuple[str, ...]:
    """Every identifier that a header names in brackets."""
    return tuple(found for part in re.findall(r"<([^<>\s]{3,250})>", text) if (found := message_id(part)))


def address(text: str) -> str:
    """The address in lower case; ``""`` if it is none that mail can be sent to."""
    found = _with_ascii_domain(text.strip())
    return found.casefold() if len(found) <= LONGEST_ADDRESS and ADDRESS.fullmatch(found) and "=?" not in found else ""


def _with_ascii_domain(text: str) -> str:
    """The address with an internationalised domain in its ASCII form (RFC 5891)."""
    local, at, domain = text.rpartition("@")
    if not at or domain.isascii() or len(text) > LONGEST_ADDRESS:
        return text
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return text


def mailbox_of(value: str) -> str:
    """The one address of a From header as it stands, before anything of it is decoded; ``""`` if there is none or more.

    A name, quoted, encoded or in a comment, may hold any address: it says nothing of who wrote.
    """
    bare = _without_comments(_ENCODED.sub(" ", re.sub(r'"(?:[^"\\]|\\.)*"', " ", value[:4_000])))
    in_brackets = re.findall(r"<([^<>]*)>", bare)
    outside = re.sub(r"<[^<>]*>", " ", bare)
    if len(in_brackets) == 1:
        another = "," in outside and any(address(part) for part in re.split(r"[\s,;]+", outside))
        return "" if another else address(in_brackets[0])
    if in_brackets:
        return ""
    named = [part for part in re.split(r"[\s,;]+", outside) if "@" in part]
    return address(named[0]) if len(named) == 1 else ""


def _without_comments(text: str) -> str:
    """The text without comments in round brackets, nested ones too; a bracket that never closes hides nothing."""
    if text.count("(") != text.count(")"):
        return text.replace("(", " ").replace(")", " ")
    found, depth = [], 0
    for character in text:
        depth += character == "("
        if depth <= 0:
            found.append(character)
        depth = max(0, depth - (character == ")"))
    return "".join(found).replace(")", " ")
