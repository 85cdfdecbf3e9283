"""The field's words, and one form for figures: nothing a reader sees says it another way."""

import re
from html import unescape
from pathlib import Path

import httpx
import pytest

from app.core.http_client import Fault
from app.core.number_format import dollars, fixed, number, percent
from app.models.architecture import describe
from app.pricing.refresh.source_status import SourceState
from app.site.render import environment
from app.site.search_actions import errands, report_values
from app.submissions import export
from app.submissions.forms import FORMS, Known
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
        assert not re.search(r"\| ?format\(|\.format\(", text), "figures go through app/core/number_format"


GERMAN_ENGLISH = ("begin anew", "all told", "is told", "are told", "as it is told", "stands last", "stand last",
                  "can't be told", "a look at", "seen to change", "nobody says", "no day of", "in any words",
                  "what it takes", "be had", "taken back", "hold them", "lie from")  # fmt: skip
PAGES = (
    "/",
    "/prices",
    "/gpus",
    "/gpus/h100-sxm-80gb",
    "/gpus/h100-sxm-80gb/history",
    "/providers",
    "/providers/gcp",
    "/status",
    "/status/rejected",
    "/benchmarks",
    "/models",
    "/models/meta-llama--llama-3.3-70b-instruct",
    "/compare?gpu=b200-180gb&gpu=h100-sxm-80gb",
    "/calculator",
    "/methodology",
    "/methodology/errors",
    "/methodology/constants",
    "/methodology/traffic",
    "/bill",
    "/index",
    "/prices/changes",
    "/prices/lasting",
    "/policies",
    "/privacy/rights",
    "/submit",
    "/submit/price",
    "/submit/benchmark",
    "/search?q=h100",
    "/nothing",
)


def read_aloud(page: str) -> str:
    """What a reader sees of a page's main part: without code, fields and what other people wrote."""
    main = page.partition("<main")[2].partition("</main>")[0]
    main = re.sub(r"<(code|pre|select|textarea|article)\b.*?</\1>", " ", main, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.mark.parametrize("path", PAGES)
def test_a_page_writes_dates_minus_signs_and_numbers_in_one_way(http: httpx.Client, path: str) -> None:
    text = read_aloud(http.get(path).text)
    assert len(text) > 30
    assert re.findall(r"\b20\d\d-\d\d-\d\d\b", text) == [], "a date is 24 May 2026"
    assert re.findall(r"(?<![\w.)-])-\d[\d.,]*(?: ?%| ?ms)?(?![\w-])", text) == [], "a minus sign is no hyphen"
    assert re.findall(r"\d %", text) == [], "a per cent sign stands at its number"
    assert re.findall(r"\b1 (?:offers|days|GPUs|models|rows|reports|results|months)\b", text) == []
    assert [words for words in GERMAN_ENGLISH if words in text.casefold()] == []


def test_documents_write_percent_as_pages_do() -> None:
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        assert re.findall(r"\d %", path.read_text(encoding="utf-8")) == [], path.name


def test_a_search_for_a_report_makes_the_choices_that_its_words_name(http: httpx.Client) -> None:
    assert errands("report l4 spot coreweave")[0].address == "/submit/price?provider=coreweave&gpu=l4-24gb&tier=spot"
    assert errands("report h100")[0].address == "/submit/price", "there are several, and none is guessed"
    assert report_values("report benchmark bf16 vllm qwen3") == ({"precision": "bf16", "engine": "vllm"}, "qwen3")
    page = http.get("/submit/price?provider=coreweave&gpu=l4-24gb&tier=spot").text
    assert re.findall(r'<option value="([^"]+)" selected>', page) == ["coreweave", "l4-24gb", "spot"]
    moved = http.get("/submit/price?gpu=l4-24gb&gpu_count=8&tier=nonsense&x=1")
    assert (moved.status_code, moved.headers["location"]) == (308, "/submit/price?gpu=l4-24gb")


@pytest.mark.parametrize(
    ("kind", "name", "value", "said"),
    [("price", "gpu_count", "1", "1"), ("price", "gpu_count", "8", "8"), ("price", "commitment_months", "1", "1 month"),
     ("price", "commitment_months", "12", "12 months"), ("benchmark", "input_tokens", "1024", "1,024 tokens"),
     ("benchmark", "concurrency", "1", "1 request")],
)  # fmt: skip
def test_one_of_a_unit_is_said_in_the_singular(kind: str, name: str, value: str, said: str) -> None:
    field = next(field for field in FORMS[kind].fields if field.name == name)
    assert export._shown(field, value, Known({}, {}, {})) == said


@pytest.mark.parametrize(
    ("provider", "heading"), [("gcp", "The first 100 rejected rows"), ("lambda", "15 rejected rows")]
)
def test_a_list_that_is_cut_off_does_not_say_that_it_is_whole(http: httpx.Client, provider: str, heading: str) -> None:
    part = http.get(f"/providers/{provider}").text.partition('<h2 id="aside">')[2].partition("</section>")[0]
    assert part.startswith(heading)
    assert part.count("<li>") == int(re.findall(r"\d+", heading)[0])


def test_forms_and_architectures_are_told_in_the_fields_terms() -> None:
    labels = " ".join(field.label for form in FORMS.values() for field in form.fields)
    for term in ("Tensor parallel size (TP)", "Pipeline parallel size (PP)", "TTFT", "TPOT", "Concurrency"):
        assert term in labels
    assert [describe.short_tokens(n) for n in (950, 8_192, 131_072, 1_048_576)] == ["950", "8.19k", "131k", "1.05M"]


@pytest.mark.parametrize("fault", [*Fault, None])
def test_a_failing_source_is_told_in_plain_words_and_its_technical_text_is_folded(fault: Fault | None) -> None:
    raw = f"{fault or 'unheard-of'}: [Errno 111] Connect call failed ('127.0.0.1', 443)"
    source = SourceState("x", "X", "failing", None, 0, 0, raw, 1_780_000_000, {})
    assert re.fullmatch(r"[A-Z][A-Za-z' ]+", source.failure)
    macro = environment().get_template("macros/failure.html").module.failure(source)  # type: ignore[attr-defined]
    summary, _, folded = unescape(str(macro)).partition("</summary>")
    assert source.failure in summary
    assert "Errno" not in summary
    assert "Errno" in folded


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
