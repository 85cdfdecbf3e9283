"""The field's words, and one form for figures: nothing a reader sees says it another way."""

import re
from pathlib import Path

import pytest

from app.core.figures import dollars, fixed, number, percent
from app.models.architecture import describe
from app.site.search_actions import errands
from app.submissions.forms import FORMS
from tests.conftest import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
GONE = ("first token / each further", "tokens/s for each request", ">in flight", "holds your limits", "cache: as usual",
        "least replicas", "why not the others", "the other way round", "prompts of others",
        "at most in flight", "form not stated", "dearest ÷ cheapest", "spot is known for", "how often at or under",
        "the same as a table", "seldom to be had", "set anew", "not asked live", "what is not sure is not given",
        "attention over everything", "for keys and values", "memory of one sequence", "off by", "answered well",
        "rows stated", "choose anew", "waits for a look", "waiting for a look", "split of each layer")  # fmt: skip


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS], ids=lambda path: path.name)
def test_no_page_says_what_the_field_says_better(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = " ".join(re.sub(r"\{#.*?#\}|^\s*//.*$", "", text, flags=re.MULTILINE).split())
    assert [words for words in GONE if words in text.lower()] == []
    assert not re.search(r"\d %(?!\})[\s.,;)<]", text), "a per cent sign stands at its number"
    if path.suffix == ".html":
        assert not re.search(r"\| ?format\(|\.format\(", text), "figures are shown by the filters of app/core/figures"


def test_forms_and_architectures_are_told_in_the_fields_terms() -> None:
    labels = " ".join(field.label for form in FORMS.values() for field in form.fields)
    for term in ("Tensor parallel size (TP)", "Pipeline parallel size (PP)", "TTFT", "TPOT", "Concurrency"):
        assert term in labels
    assert [describe.short_tokens(n) for n in (950, 8_192, 131_072, 1_048_576)] == ["950", "8.19k", "131k", "1.05M"]


def test_a_figure_has_one_form() -> None:
    assert [percent(0.084), percent(0.0841, 1), percent(-0.2, signed=True), percent(-0.0001)] == [
        "8%", "8.4%", "−20%", "0%"]  # fmt: skip
    assert [number(v) for v in (2450, 0.8, -3.5, 0, 1e-5)] == ["2,450", "0.8", "−3.5", "0", "1e−05"]
    assert [number(1234.5678, 4), number(0.06789, 3), fixed(12000), fixed(1.1, 2), fixed(-2)] == [
        "1,235", "0.0679", "12,000", "1.10", "−2"]  # fmt: skip
    assert [dollars(v) for v in (11651.4, 2.4, 0.8251)] == ["$11,651", "$2.40", "$0.825"]


def test_a_search_that_asks_for_something_to_be_done_is_answered_with_where() -> None:
    (compared,) = errands("h100 vs a100 vs l40s")
    assert compared.name == "Compare H100 SXM, A100 SXM 80 GB, L40S"
    assert compared.address == "/compare?gpu=h100-sxm-80gb&gpu=a100-sxm-80gb&gpu=l40s-48gb"
    asked = ("price index", "how long do prices last", "monthly bill", "egress", "rent or buy",
             "spot interruption rate", "price alerts", "embed a badge", "mcp")  # fmt: skip
    assert [errands(text)[0].address for text in asked] == [
        "/index", "/prices/lasting", "/bill", "/bill", "/bill#buy", "/prices?tier=spot&sort=reclaims", "/api#watch",
        "/api#badge", "/api#mcp"]  # fmt: skip
    assert [errands(text)[0].address for text in ("report", "delete my data", "what changed this month")] == [
        "/submit/price", "/privacy/rights#erasure", "/prices/changes"]  # fmt: skip
    assert errands("h100 spot europe") == errands("compare") == errands("compare h100") == ()
