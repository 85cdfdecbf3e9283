"""Numbers of cards, accounts and people are refused in every text that a visitor can send, however they are written."""

from datetime import date
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.catalog.facts import gpus
from app.submissions.forms import BENCHMARK, CONTACT, EXPERIENCE, FORMS, PRICE, Known, read
from app.submissions.free_text import TextError, refuse_numbers_in_address, refuse_numbers_of_people
from tests.submissions.test_reports import REPORTS

KNOWN = Known({"coreweave": "CoreWeave", "lambda": "Lambda"}, {slug: slug for slug in gpus()},
              {"meta-llama/Llama-3.1-8B-Instruct": "x"})  # fmt: skip
TODAY = date(2026, 11, 25)
CARDS = ("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111–1111–1111–1111", "378282246310005",
         "5555555555554444", "6011 1111 1111 1117", "４１１１１１１１１１１１１１１１", "٤١١١١١١١١١١١١١١١",
         "4111.1111.1111.1111", "4111_1111_1111_1111", "3782.822463.10005")  # fmt: skip
PEOPLE = (
    "078-05-1121",
    "219 09 9998",
    "219–09–9998",
    "AB 12 34 56 C",
    "2341 2341 2346",
    "11010519491231002X",
    "SSN-536221234",
    "my ssn is 536221234",
    "x536-22-1234",
    "536 - 22 - 1234",
    "536·22·1234",
    "٥٣٦-٢٢-١٢٣٤",
    "５３６ ２２ １２３４",
)
ACCOUNTS = ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432")
TEXTS = [(form.kind, field.name) for form in (PRICE, BENCHMARK, EXPERIENCE) for field in (*form.fields, CONTACT)
         if field.kind in ("text", "lines", "link", "email")]  # fmt: skip


def test_every_text_field_of_every_form_is_known_to_this_test() -> None:
    assert {name for _, name in TEXTS} == {
        "region", "seen_where", "link", "engine_version", "how", "text", "contact",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), TEXTS)
@pytest.mark.parametrize("number", [*CARDS, *PEOPLE, *ACCOUNTS])
def test_no_text_field_takes_them(kind: str, name: str, number: str) -> None:
    field = next(field for field in (*FORMS[kind].fields, CONTACT) if field.name == name)
    plain = number.replace(" ", "-")
    typed = {"link": f"https://example.org/?card={quote(number)}", "email": f"{plain}@example.org"}.get(
        field.kind, number
    )
    if field.kind == "email" and not plain.isascii():
        typed = f"a.{plain}@example.org"
    _, errors = read(FORMS[kind], {**REPORTS[kind], name: typed}, KNOWN, TODAY)
    assert "must not keep it" in errors.get(name, ""), (typed, errors)


@pytest.mark.parametrize("text", [
    "https://example.org/4111-1111-1111-1111", "https://example.org/a/4111%201111%201111%201111",
    "https://example.org/4111/1111/1111/1111",
    "https://example.org/?a=%34%31%31%31111111111111", "https://example.org/?a=%2534111111111111111",
    "https://example.org/#4111.1111.1111.1111",
    "https://4111111111111111.example.org/", "4111.1111.1111.1111@example.org", "x+4111111111111111@example.org",
    "078-05-1121@example.org",
])  # fmt: skip
def test_no_address_hides_one(text: str) -> None:
    with pytest.raises(TextError):
        refuse_numbers_in_address(text)


@pytest.mark.parametrize("text", [
    "4111.1111 tokens/s", "12.4 ms at 1024 in, 256 out, 2450.113 tokens/s", "0.4111111111111111", "run 20261120123456",
    "2024-11-20 10:11:12",
    "driver 550.54.15, CUDA 12.4, vllm 0.11.0.post1", "4,294,967,296 bytes", "1234 5678 9012 3456",
    "0,4111111111111111 s", "100% of 50%20", "4096 8192 1024 2048 4096 512 8192 1024",
    "call 1-800-555-0199", "1,234,567.89", "1024, 2048, 4096, 8192", "4096,5120,6144,7168", "128,16,1024",
    "input 512, 32, 1024", "4096x4096x8192x1024", "12.4111111111111111x", "1,536,22,1234", "536.22,1234",
    "https://github.com/vllm-project/vllm/pull/12345678", "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct",
])  # fmt: skip
def test_figures_links_and_versions_pass(text: str) -> None:
    refuse_numbers_of_people(text)
    if text.startswith("https"):
        refuse_numbers_in_address(text)


@pytest.mark.parametrize("text", [
    "8 4111111111111111", "order 1 4111 1111 1111 1111", "4111 1111 1111 1111 123", "4111 1111 1111 1111 0727 123",
    "12/27 4111111111111111", "4111111111111111 12/27", "2026-11-20 4111 1111 1111 1111", "name,4111111111111111",
    "4111111111111111,12/27,123", "No.4111111111111111", "4111-1111-1111-1111-12", "_4111111111111111_",
    "4111/1111/1111/1111", "4111 - 1111 - 1111 - 1111", "4111·1111·1111·1111", "4111|1111|1111|1111",
    "8 3782 822463 10005 0727", "4\ufe0f111111111111111", "4111\u034f1111\u034f1111\u034f1111",
    "%34%31%31%31111111111111", "4111%201111%201111%201111", "%2534111111111111111", "&#52;111111111111111",
    "4111&nbsp;1111&nbsp;1111&nbsp;1111", "536/90/4399", "536_90_4399", "Soc. Sec. No. 536904399",
    "visa4111111111111111", "4111111111111111exp0127", "card4111 1111 1111 1111", "4111 1111 1111 1111exp",
    "4111,1111,1111,1111", "4111;1111;1111;1111", "4111, 1111, 1111, 1111", "4111x1111x1111x1111",
    "4111,1111,1111,1111,0127", "8,4111,1111,1111,1111", "3782,822463,10005", "amex3782-822463-10005exp",
    "536-22-1234x", "x536 22 1234y", "536,22,1234", "536;22;1234", "born:1980,536-22-1234",
    "at DE89370400440532013000 was charged", "am10 days later DE89 3704 0044 0532 0130 00 was",
])  # fmt: skip
def test_neighbours_marks_and_escapes_hide_none(text: str) -> None:
    with pytest.raises(TextError):
        refuse_numbers_of_people(text)


@given(st.lists(st.integers(1, 9999), max_size=20), st.sampled_from([" | ", "\n"]))
def test_figures_of_a_table_are_no_card(figures: list[int], mark: str) -> None:
    refuse_numbers_of_people(mark.join(map(str, figures)))


USUAL = (1, 2, 8, 32, 100, 128, 256, 500, 512, 1000, 1024, 2048, 4096, 5000, 6144, 8192)
TOKENS = st.sampled_from(USUAL) | st.integers(1, 624).map(lambda number: number * 16)


@given(st.lists(TOKENS, max_size=20), st.sampled_from([", ", ",", "; ", ";", "x", " x "]))
def test_counts_of_tokens_in_a_list_are_no_card(figures: list[int], mark: str) -> None:
    refuse_numbers_of_people(mark.join(map(str, figures)))


@given(st.lists(st.integers(0, 10**12), max_size=8), st.sampled_from(["", ".5", ".89", ".1234567890123456"]))
def test_prices_and_large_figures_in_thousands_are_no_card(figures: list[int], fraction: str) -> None:
    refuse_numbers_of_people("\n".join(f"{figure:,}{fraction}" for figure in figures))


@given(
    st.integers(10**13, 10**14 - 1), st.sampled_from(["", " ", "-", ",", "; ", "x"]), st.text("abc ,;\n", max_size=8)
)
def test_any_valid_card_number_is_found_whatever_letters_and_marks_surround_it(
    body: int, mark: str, around: str
) -> None:
    digits = f"4{body}"
    total = sum(sum(divmod(int(d) * (1 + (i % 2 == 0)), 10)) for i, d in enumerate(reversed(digits)))
    number = digits + str(-total % 10)
    groups = [number[at : at + 4] for at in range(0, 16, 4)]
    assume(mark in ("", " ", "-") or any(int(group) % 16 and int(group) % 10 for group in groups))  # a list of counts
    with pytest.raises(TextError):
        refuse_numbers_of_people(f"{around}{mark.join(groups)}{around}")
