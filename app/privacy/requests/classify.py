"""Classifying what a message asks for: a proposal based on the law's vocabulary, for the operator to confirm. Pure,
except for loading the vocabulary.

Only what is requested counts, not what is mentioned: quoted lines and sentences about a supervisory authority or about
further rights are left out. An article of the GDPR weighs more than a word, and an earlier request more than a later
one. If no kind, or more than one, is clearly ahead, the result is "unsure".
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
"""Among the sentences about rights, the first two count double."""
CLEAR = 1.2
"""The heaviest kind has to weigh this many times the second."""
QUOTE_BEGINS = re.compile(
    r"^\s*(>|-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio "
    r"originale|forwarded message"
    r"|weitergeleitete nachricht|oorspronkelijk bericht|doorgestuurd bericht|message transféré|mensagem "
    r"original|wiadomość oryginalna)"
    r"|on .{4,120} wrote:\s*$|am .{4,120} schrieb.{0,80}:\s*$|le .{4,120} a écrit\s?:\s*$|el .{4,120} "
    r"escribió:\s*$|il .{4,120} ha scritto:\s*$"
    r"|op .{4,120} schreef.{0,80}:\s*$|em .{4,120} escreveu:\s*$|(w dniu|dnia) .{4,120} napisał.{0,10}:\s*$|den "
    r".{4,120} skrev.{0,80}:\s*$"
    r"|.{4,120} (пишет|написал|написала|писал)\S{0,6}\s*:\s*$|.{4,120} kirjoitti:\s*$|.{4,120} "
    r"napsal\S{0,4}:\s*$|.{0,100}\d.{0,100}<[^<>\s@]+@[^<>\s]+>.{0,20}[:：]\s*$|.{4,120}写道[:：]\s*$|.{4,120}のメール[:：]\s*$)",
    re.IGNORECASE,
)
_HEAD_LINE = re.compile(r"^\s*[*_]{0,2}([^\W\d_][^\n:：]{0,24}?)[*_]{0,2}\s?[:：]\s?[*_]{0,2}\s*\S")
_FROM = frozenset((
    "from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "feladó", "от", "від", "από", "saatja", "no",
    "nuo", "kimden",
    "gönderen", "发件人", "寄件者", "差出人", "보낸 사람", "من", "מאת", "จาก", "dari", "từ", "expéditeur", "remitente",
    "mittente", "afzender",
    "nadawca", "odesílatel", "odosielateľ", "expeditor", "pošiljatelj", "pošiljatelj", "sūtītājs", "siuntėjas", "ó",
    "mibgħut minn",
))  # fmt: skip
"""How mail programs label the sender in the head of a quoted message, in many languages."""
HEAD_LINES = 3


_OUR_LINE = re.compile(r"law, if you know it \([^)\n]{0,60}\):", re.IGNORECASE)
_OUR_LAWS = re.compile(r"\(?gdpr, uk gdpr, ccpa\)?")
"""The line about the law in our own ready-made mails, which is no claim of the person."""
_ACCENTS = re.compile("[\u0300-\u036f]")
_SENTENCE = re.compile(r"(?<=[.!?;。！？।])\s+|\n+|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(art|arts|abs|par|para|no|nr|lit|sec|cal|civ|чл|ст|čl)\.", re.IGNORECASE)


FOREWORD_WORDS = 3
"""A message with no more own words than this above a quotation is taken for a forwarded one."""


@cache
def vocabulary() -> dict[str, Any]:
    """The vocabulary: words by kind of request, in the languages of the EU and some others; of laws; and of what is
    only mentioned."""
    found: dict[str, Any] = json.loads(folded((Path(__file__).parent / "vocabulary.json").read_text(encoding="utf-8")))
    found["laws"] = {law.upper() if law != "not_ccpa" else law: words for law, words in found["laws"].items()}
    return found


def own_words(text: str) -> str:
    """The text without quotations and without the lines that the ready-made mails contain."""
    kept: list[str] = []
    lines = text[:MOST].splitlines()
    for number, line in enumerate(lines):
        if _is_head(lines[number : number + 2 * HEAD_LINES]) or line.rstrip() == "--":
            break  # a quoted message, or the signature
        match = QUOTE_BEGINS.match(line)
        if match and not line.lstrip().startswith(">"):
            break  # what follows is the older message
        if not match:
            kept.append(_OUR_LINE.sub("", line))
    return "\n".join(kept)


def words_below(text: str) -> str:
    """What stands below a quotation of marked lines that a line such as "On Monday Ana wrote:" introduces."""
    lines = text[:MOST].splitlines()
    begin = next(
        (at for at, line in enumerate(lines) if QUOTE_BEGINS.match(line) and not line.lstrip().startswith(">")),
        len(lines),
    )
    rest = [line for line in lines[begin + 1 :] if line.strip()]
    if not rest or not rest[0].lstrip().startswith(">"):
        return ""
    return "\n".join(line for line in rest if not line.lstrip().startswith(">"))


def _is_head(lines: list[str]) -> bool:
    """True if ``lines`` begin with the head of a quoted message: the sender's line, followed by more such lines."""
    first = _HEAD_LINE.match(lines[0])
    if not first or first[1].strip().casefold() not in _FROM:
        return False
    said = [line for line in lines if line.strip()][:HEAD_LINES]
    return len(said) == HEAD_LINES and all(_HEAD_LINE.match(line) for line in said)


def folded(text: str) -> str:
    """Text for comparison: compatibility forms, case and the accents of Latin, Greek and Cyrillic folded, apostrophes
    plain."""
    apart = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def law_of(subject: str, text: str) -> str:
    """The law that the person invokes, ``""`` if none. If both are named, the GDPR, whose deadline is shorter.
    Mentioning California, or not living there, does not invoke its law."""
    said = _OUR_LAWS.sub(" ", folded(f"{subject}\n{own_words(text)}"))
    laws = vocabulary()["laws"]
    if _names(said, laws["GDPR"]) or (articles_in(said) and not _names(said, vocabulary()["other_laws"])):
        return "GDPR"
    return "CCPA" if _names(said, laws["CCPA"]) and not _names(said, laws["not_ccpa"]) else ""


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
    """(kind, whether the message is about rights at all). ``unsure`` if it is and no kind is clearly ahead,
    ``question`` if it is not."""
    weights: Counter[str] = Counter()
    order: list[str] = []
    telling, touched = 0, False
    sentences = [(folded(subject), SUBJECT_WEIGHT)]
    body = _ABBREVIATION.sub(lambda match: match[1] + " ", folded(own_words(text)))
    sentences += [(sentence, 1) for sentence in _SENTENCE.split(body) if sentence.strip()]
    for number, (sentence, factor) in enumerate(sentences):
        if any(words in sentence for words in vocabulary()["not_asked"]):
            continue
        touched = touched or is_personal(sentence) or _taken_back(sentence) == "request"
        found = _kinds_in(sentence)
        if found and number:
            telling += 1
        early = FIRST_FACTOR if number and telling <= FIRST_SENTENCES else 1
        for kind, weight in found.items():
            weights[kind] += weight * factor * early
            if kind not in order:
                order.append(kind)
    if not weights:
        said = "\n".join(sentence for sentence, _ in sentences)
        foreign = not said.isascii() and not _names(said, vocabulary()["of_the_site"])
        passed_on = len(body.split()) <= FOREWORD_WORDS and any(
            _kinds_in(folded(line.lstrip("> |"))) for line in text[:MOST].splitlines()
        )
        return (
            ("unsure", True) if touched or foreign or passed_on else ("question", False)
        )  # a language whose words are not known
    ranked = sorted(weights, key=lambda kind: (-weights[kind], order.index(kind)))
    if len(ranked) > 1 and weights[ranked[0]] < CLEAR * weights[ranked[1]]:
        return "unsure", True
    return ranked[0], True


def is_personal(sentence: str) -> bool:
    """True if a folded sentence is about somebody's data, account, report or consent."""
    return any(words in sentence for words in vocabulary()["personal"])


def _kinds_in(sentence: str) -> Counter[str]:
    """Kind → its weight in a sentence. A sentence about prices or GPUs requests nothing about a person unless it says
    so; neither does taking back an earlier request."""
    words = vocabulary()
    taken_back = _taken_back(sentence)
    about_the_site = not is_personal(sentence) and _names(sentence, words["of_the_site"])
    if about_the_site or taken_back == "request":
        return Counter()
    for pattern in words["negated"]:
        sentence = re.sub(pattern, " ", sentence)
    named = [] if _names(sentence, words["other_laws"]) else articles_in(sentence)  # their articles have other numbers
    found = Counter(dict.fromkeys(named, ARTICLE_WEIGHT))
    for kind, stems in words["asks"].items():
        if any(_has_word(stem, sentence) for stem in stems):
            found[kind] += WORD_WEIGHT
    if taken_back == "consent":
        found["withdrawal"] = max(found["withdrawal"], WORD_WEIGHT)
    if not found and any(_has_word(stem, sentence) for stem in words["access_if_alone"]):
        found["access"] = WORD_WEIGHT  # "delete what you hold about me" names what is held and asks for another thing
    return found


def _taken_back(sentence: str) -> str:
    """``consent`` or ``request`` if the sentence takes one back, else ``""``."""
    pairs = vocabulary()["taking_back"]
    if not any(_has_word(verb, sentence) for verb in pairs["verbs"]):
        return ""
    return next((what for what in ("consent", "request") if any(_has_word(noun, sentence) for noun in pairs[what])), "")


def _has_word(word: str, sentence: str) -> bool:
    """True if the sentence has a word beginning with ``word``; in languages without spaces, if it has it anywhere."""
    if not word[0].isascii() and unicodedata.category(word[0]) == "Lo":
        return word in sentence
    at = sentence.find(word)
    while at >= 0:
        if at == 0 or not sentence[at - 1].isalpha():
            return True
        at = sentence.find(word, at + 1)
    return False
