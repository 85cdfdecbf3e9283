"""HTML as text, in time proportional to its length. Pure."""

import html
import re

_HIDDEN = ("style", "script", "title")
_BREAKS = frozenset(("p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr", "pre"))
_TAG = re.compile(r"</?([a-z][a-z0-9]{0,9})")
_QUOTED_DIVISION = re.compile(r"class\s*=\s*[\"']?[^\"'>]*(gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote)")
"""Divisions in which web mail quotes an older message."""
LONGEST_ATTRIBUTES = 400


def html_text(source: str) -> str:
    """HTML as text, in one pass from left to right. An unclosed tag hides nothing; quoted lines begin with ``>``."""
    walk = _Walk(source)
    walk.run()
    text = "\n".join(
        _quoted("".join(pieces)) if depth else html.unescape("".join(pieces)) for depth, pieces in walk.runs
    )
    return re.sub(r"\n\s*\n\s*", "\n\n", text)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in html.unescape(text).splitlines() if line.strip())


class _Walk:
    """The position of the pass, and what it found: pieces of text, each with its depth of quotation.

    Each search begins where the last one ended, and a search that found nothing is not repeated, so that the time stays
    proportional to the length.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        lower = source.casefold()
        if len(lower) != len(source):
            lower = source.lower()
        self.folded = lower if len(lower) == len(source) else source  # letters whose small form is longer
        self.runs: list[tuple[int, list[str]]] = [(0, [])]
        self._none_left: set[str] = set()
        self._divisions = 0
        self._quoting: set[int] = set()

    def run(self) -> None:
        at = 0
        while (begin := self.source.find("<", at)) >= 0:
            self._keep(self.source[at:begin])
            if self.source.startswith("<!--", begin):
                end = self._find("-->", begin + 4)
                at = end + 3 if end >= 0 else begin + 4
                continue
            end = self._find(">", begin)
            if end < 0:
                at = begin
                break
            match = _TAG.match(self.folded, begin, end)
            if match is None:  # "a < b" is no tag
                self._keep("<")
                at = begin + 1
                continue
            at = self._tag(match[1], begin, end)
        self._keep(self.source[at:])

    def _tag(self, name: str, begin: int, end: int) -> int:
        """Handle one tag; returns the position at which the pass continues."""
        closes = self.folded[begin + 1] == "/"
        if name in _HIDDEN and not closes and self.folded[end - 1] != "/":
            closing = self._find(f"</{name}", end + 1)
            if closing >= 0:
                past = self._find(">", closing)
                return past + 1 if past >= 0 else len(self.source)
        elif name == "blockquote":
            self._turn(-1 if closes else 1)
        elif name == "div":
            self._division(begin, end, closes=closes)
        elif name in _BREAKS:
            self._keep("\n")
        return end + 1

    def _division(self, begin: int, end: int, *, closes: bool) -> None:
        self._keep("\n")
        if closes:
            if self._divisions in self._quoting:
                self._quoting.remove(self._divisions)
                self._turn(-1)
            self._divisions = max(0, self._divisions - 1)
            return
        self._divisions += 1
        if _QUOTED_DIVISION.search(self.folded, begin, min(end, begin + LONGEST_ATTRIBUTES)):
            self._quoting.add(self._divisions)
            self._turn(1)

    def _turn(self, by: int) -> None:
        self.runs.append((max(0, self.runs[-1][0] + by), []))

    def _keep(self, text: str) -> None:
        self.runs[-1][1].append(text)

    def _find(self, mark: str, start: int) -> int:
        if mark in self._none_left:
            return -1
        place = self.folded.find(mark, start)
        if place < 0:
            self._none_left.add(mark)
        return place
