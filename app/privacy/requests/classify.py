"""What a message asks for: a proposal from the words of the law, for the operator to confirm. Pure, but for its
vocabulary.

What is asked counts, not what is mentioned: quoted lines, sentences about a supervisory authority or about rights that
one also has are left out. An article of the GDPR weighs more than a word, and what is asked first more than what
follows. Where nothing or two things stand out it says "unsure" rather than something wrong.
"""

import json
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

MOST = 20_000
ARTICLE_WEIGHT, WORD_WEIGHT, SUBJECT_WEIGHT = 5, 2, 3
FIRST_SENTENCES, FIRST_FACTOR = 2, 2
"""Sentences that say something of rights: the first two count double."""
CLEAR = 1.2
"""The first kind has to weigh so many times the second."""
QUOTE_BEGINS = re.compile(
    r"^\s*(>|-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio "
    r"originale|forwarded message)"
    r"|on .{4,120} wrote:\s*$|am .{4,120} schrieb.{0,80}:\s*$|le .{4,120} a écrit\s?:\s*$|el .{4,120} "
    r"escribió:\s*$|il .{4,120} ha scritto:\s*$)",
    re.IGNORECASE,
)
_OUR_LINE = re.compile(r"law, if you know it \([^)\n]{0,60}\):", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;。！？।])\s+|\n+|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(art|arts|abs|par|para|no|nr|lit|sec|cal|civ|чл|ст|čl)\.", re.IGNORECASE)


@cache
def vocabulary() -> dict[str, Any]:
    """Words by kind, in the languages of the EU and some large ones, and those of laws and of what is only
    mentioned."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "vocabulary.json").read_text(encoding="utf-8"))
    return found


def own_words(text: str) -> str:
    """The text without what is quoted, and without the lines that our own links put there."""
    kept: list[str] = []
    for line in text[:MOST].splitlines():
        match = QUOTE_BEGINS.match(line)
        if match and not line.lstrip().startswith(">"):
            break  # what follows is the older message
        if not match:
            kept.append(_OUR_LINE.sub("", line))
    return "\n".join(kept)


def folded(text: str) -> str:
    """Text to be compared: compatibility forms and case folded, apostrophes plain."""
    return unicodedata.normalize("NFKC", text).replace("’", "'").casefold()


def law_of(subject: str, text: str) -> str:
    """The law that the person names, ``""`` if none."""
    said = folded(f"{subject}\n{own_words(text)}")
    laws = vocabulary()["laws"]
    if _names(said, laws["CCPA"]):
        return "CCPA"
    return "GDPR" if _names(said, laws["GDPR"]) or articles_in(said) else ""


def _names(said: str, words: list[str]) -> bool:
    return any(re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", said) for word in words)


def articles_in(said: str) -> list[str]:
    """The kinds of request whose article of the GDPR is named."""
    words = "|".join(sorted(map(re.escape, vocabulary()["article_words"]), key=len, reverse=True))
    found = []
    for match in re.finditer(rf"(?<![^\W\d_])(?:{words})\w{{0,3}}\s?\.?\s?(\d{{1,2}})(?!\d)(\s?\(3\))?", said):
        number = f"{match[1]}(3)" if match[1] == "7" and match[2] else match[1]
        if kind := vocabulary()["articles"].get(number):
            found.append(kind)
    return found


def kind_of(subject: str, text: str) -> tuple[str, bool]:
    """(kind, whether any right is spoken of).

    ``unsure`` where rights are spoken of and none stands out, ``question`` else.
    """
    weights: Counter[str] = Counter()
    order: list[str] = []
    telling = 0
    sentences = [(folded(subject), SUBJECT_WEIGHT)]
    body = _ABBREVIATION.sub(lambda match: match[1] + " ", folded(own_words(text)))
    sentences += [(sentence, 1) for sentence in _SENTENCE.split(body) if sentence.strip()]
    for number, (sentence, factor) in enumerate(sentences):
        if any(words in sentence for words in vocabulary()["not_asked"]):
            continue
        found = Counter(dict.fromkeys(articles_in(sentence), ARTICLE_WEIGHT))
        for kind, words in vocabulary()["asks"].items():
            if any(_stands(word, sentence) for word in words):
                found[kind] += WORD_WEIGHT
        if found and number:
            telling += 1
        early = FIRST_FACTOR if number and telling <= FIRST_SENTENCES else 1
        for kind, weight in found.items():
            weights[kind] += weight * factor * early
            if kind not in order:
                order.append(kind)
    if not weights:
        return "question", False
    ranked = sorted(weights, key=lambda kind: (-weights[kind], order.index(kind)))
    if len(ranked) > 1 and weights[ranked[0]] < CLEAR * weights[ranked[1]]:
        return "unsure", True
    return ranked[0], True


def _stands(word: str, sentence: str) -> bool:
    """A word's stem at the begin of a word; languages without spaces have it anywhere."""
    if not word[0].isascii() and unicodedata.category(word[0]) == "Lo":
        return word in sentence
    at = sentence.find(word)
    while at >= 0:
        if at == 0 or not sentence[at - 1].isalpha():
            return True
        at = sentence.find(word, at + 1)
    return False
