"""The three forms: their fields, and reading submitted values. Pure: known names are passed in.

A form is a table of fields; pages, checks, exports and documentation read the same table.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from app.submissions.free_text import TextError, plain, refuse_numbers_in_address, refuse_numbers_of_people

Values = dict[str, str]
NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")
EARLIEST = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    ``kind`` is text, lines, whole, number, choice, date, link or email; ``low`` and ``high`` bound numbers, ``most``
    texts.
    """

    name: str
    label: str
    kind: str = "text"
    required: bool = True
    hint: str = ""
    example: str = ""
    unit: str = ""
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    most: int = 200
    choices: tuple[tuple[str, str], ...] = ()
    choices_of: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of report."""

    kind: str
    title: str
    lead: str
    fields: tuple[Field, ...]


def _number(
    name: str,
    label: str,
    low: str,
    high: str,
    *,
    unit: str = "",
    required: bool = True,
    whole: bool = False,
    example: str = "",
    hint: str = "",
) -> Field:
    return Field(
        name, label, "whole" if whole else "number", required, hint, example, unit, Decimal(low), Decimal(high)
    )


TIERS = (("on-demand", "On demand"), ("spot", "Spot, may be interrupted"), ("reserved", "Reserved for a term"))
ENGINES = (("vllm", "vLLM"), ("sglang", "SGLang"), ("trtllm", "TensorRT-LLM"), ("llama.cpp", "llama.cpp"))
PRECISIONS = (("bf16", "BF16"), ("fp16", "FP16"), ("fp8", "FP8"), ("fp4", "FP4"), ("int8", "INT8"), ("int4", "INT4"))
TOPICS = (("availability", "Getting a GPU"), ("performance", "Speed as promised"), ("reliability", "Staying up"),
          ("billing", "Billing"), ("support", "Support"), ("other", "Something else"))  # fmt: skip
_LINK = Field(
    "link",
    "Link to evidence",
    "link",
    False,
    "http or https; we never open it by ourselves",
    "https://example.org/evidence",
    most=500,
)
CONTACT = Field(
    "contact",
    "E-mail for questions",
    "email",
    False,
    "Kept apart from the report, never published, deleted with it",
    "you@example.org",
    most=254,
)

PRICE = Form("price", "A price you saw", "What a provider asks for a GPU, where and when you saw it.", (
    Field("provider", "Provider", "choice", choices_of="providers"),
    Field("gpu", "GPU", "choice", choices_of="gpus"),
    _number("gpu_count", "GPUs in the instance", "1", "1024", whole=True, example="8"),
    Field("tier", "Sold as", "choice", choices=TIERS),
    _number("commitment_months", "Term, if reserved", "1", "60", whole=True, required=False, unit="months",
            example="12"),
    Field("region", "Region", required=False, hint="As the provider calls it", example="eu-west-1", most=80),
    _number("price", "Price", "0.001", "10000", unit="USD per hour, without tax", example="2.49"),
    Field("per", "What the price covers", "choice", choices=(("gpu-hour", "one GPU, one hour"),
        ("instance-hour", "the whole instance, one hour"))),
    Field("seen_on", "Seen on", "date", example="2026-11-20"),
    Field("seen_where", "Where you saw it", example="the console, when starting an instance"),
    _LINK,
))  # fmt: skip
BENCHMARK = Form("benchmark", "A benchmark you ran", "How fast a model answers on a GPU, measured by you.", (
    Field("model", "Model", "choice", hint="Name on the Hugging Face Hub", choices_of="models",
          example="meta-llama/Llama-3.1-8B-Instruct"),
    Field("gpu", "GPU", "choice", choices_of="gpus"),
    _number("tensor_parallel", "Tensor parallel size (TP)", "1", "64", whole=True, example="8"),
    _number("pipeline_parallel", "Pipeline parallel size (PP)", "1", "64", whole=True, example="1"),
    Field("engine", "Engine", "choice", choices=ENGINES),
    Field("engine_version", "Version of the engine", example="0.11.0", most=40),
    Field("precision", "Precision of the weights", "choice", choices=PRECISIONS),
    _number("input_tokens", "Input per request", "1", "1000000", unit="tokens", whole=True, example="1024"),
    _number("output_tokens", "Output per request", "1", "1000000", unit="tokens", whole=True, example="256"),
    _number("concurrency", "Concurrency", "1", "100000", unit="requests", whole=True, example="32"),
    _number("ttft_ms", "TTFT (time to first token), median", "0.01", "10000000", unit="ms", required=False,
            example="85.2"),
    _number("tpot_ms", "TPOT (per output token), median", "0.01", "1000000", unit="ms", required=False,
            hint="This or the throughput", example="12.4"),
    _number("output_tokens_per_s", "Output throughput of all requests", "0.01", "10000000", unit="tokens/s",
            required=False, example="2450"),
    Field("measured_on", "Measured on", "date", example="2026-11-20"),
    Field("how", "How you measured", "lines", hint="The command and what is special about it",
          example="vllm bench serve --random-input-len 1024 …", most=2000),
    _LINK,
))  # fmt: skip
EXPERIENCE = Form("experience", "An experience with a provider", "What it was like to rent there.", (
    Field("provider", "Provider", "choice", choices_of="providers"),
    Field("topic", "About", "choice", choices=TOPICS),
    Field("rating", "Rating", "choice", choices=tuple((str(n), text) for n,
        text in ((5, "5, very good"), (4, "4, good"), (3, "3, middling"), (2, "2, poor"), (1, "1, very poor")))),
    Field("text", "What happened", "lines", hint="Published as you write it, without your name",
          example="Eight H100 were there within a minute, three days in a row.", most=4000),
))  # fmt: skip
FORMS: Mapping[str, Form] = {form.kind: form for form in (PRICE, BENCHMARK, EXPERIENCE)}
LEAST_TEXT = 20


@dataclass(frozen=True, slots=True)
class Known:
    """The names a report may use: slug or name → how it is displayed."""

    providers: Mapping[str, str]
    gpus: Mapping[str, str]
    models: Mapping[str, str]

    def of(self, field: Field) -> tuple[tuple[str, str], ...]:
        """The choices of a field."""
        return field.choices or tuple(getattr(self, field.choices_of).items())


def read(form: Form, given: Mapping[str, str], known: Known, today: date) -> tuple[Values, dict[str, str]]:
    """The report's values, empty ones left out, and what is wrong by field."""
    values: Values = {}
    errors: dict[str, str] = {}
    for field in (*form.fields, CONTACT):
        text = given.get(field.name, "")
        try:
            value = _READERS[field.kind](field, text, known, today) if text.strip() else ""
        except TextError as error:
            errors[field.name] = f"{field.label} {error}."
            continue
        if value:
            values[field.name] = value
        elif field.required:
            errors[field.name] = _missing(field)
    errors = contradictions(form, values, errors)
    return values, errors


def _missing(field: Field) -> str:
    """What to do about an empty required field: ``Provider: choose one.``"""
    words = {"choice": "choose one", "date": "give the day", "lines": "say a few words"}.get(field.kind, "fill this in")
    return f"{field.label}: {words}{f', for example {field.example}' if field.example else ''}."


def contradictions(form: Form, values: Values, errors: dict[str, str]) -> dict[str, str]:
    """Errors of fields that contradict each other; a field's own error takes precedence."""
    more: dict[str, str] = {}
    if form is PRICE and values.get("tier") == "reserved" and "commitment_months" not in values:
        more["commitment_months"] = "A reserved price needs its term, for example 12 months."
    if form is PRICE and values.get("tier") in ("on-demand", "spot") and "commitment_months" in values:
        more["commitment_months"] = "Only a reserved price has a term; leave this empty or choose reserved."
    if form is BENCHMARK and not {"tpot_ms", "output_tokens_per_s"} & {*values, *errors}:
        more["tpot_ms"] = "Give the time per output token, the throughput, or both; for example 12.4 ms."
    if form is EXPERIENCE and 0 < len(values.get("text", "")) < LEAST_TEXT:
        more["text"] = f"A few more words: at least {LEAST_TEXT} characters, so that others learn something from it."
    return more | errors


def _text(field: Field, text: str, _: Known, __: date) -> str:
    found = plain(text, field.most, lines=field.kind == "lines")
    refuse_numbers_of_people(found)
    return found


def _choice(field: Field, text: str, known: Known, _: date) -> str:
    names = [name for name, _ in known.of(field)]
    wanted = text.strip()
    if wanted in names:
        return wanted
    folded = next((name for name in names if name.casefold() == wanted.casefold()), "")
    if not folded:
        raise TextError(
            f"is none that is known here; choose one of the "
            f"list{f', for example {field.example}' if field.example else ''}"
        )
    return folded


def _amount(field: Field, text: str, _: Known, __: date) -> str:
    wanted = text.strip()
    example = f"; for example {field.example}" if field.example else ""
    if not NUMBER.fullmatch(wanted):
        raise TextError(f"is not a plain number{f' of {field.unit}' if field.unit else ''}{example}")
    number = Decimal(wanted)
    if field.kind == "whole" and number != number.to_integral_value():
        raise TextError(f"must be a whole number{example}")
    if not field.low <= number <= field.high:
        raise TextError(
            f"must lie between {field.low:,} and {field.high:,}{f' {field.unit}' if field.unit else ''}{example}"
        )
    return format(number.normalize(), "f")


def _date(field: Field, text: str, _: Known, today: date) -> str:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise TextError("is not a date; for example 2026-11-20") from None
    if day > today:
        raise TextError(f"lies in the future; today is {today} (UTC)")
    if day < EARLIEST:
        raise TextError(f"lies before {EARLIEST}, which is too long ago to compare")
    return day.isoformat()


def is_link(value: str) -> bool:
    """True for an address of the web with a host, and no name of a user in it."""
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and "." in (parts.hostname or "")
            and not parts.username
            and " " not in value
        )
    except ValueError:
        return False


def _link(field: Field, text: str, _: Known, __: date) -> str:
    found = plain(text, field.most)
    if not is_link(found):
        raise TextError("must begin with http:// or https:// and name a host; for example https://example.org/pricing")
    refuse_numbers_in_address(found)
    return found


def _email(field: Field, text: str, _: Known, __: date) -> str:
    found = plain(text, field.most)
    if not _EMAIL.fullmatch(found):
        raise TextError("is not an e-mail address; for example you@example.org")
    refuse_numbers_in_address(found)
    return found


_READERS: Mapping[str, Callable[[Field, str, Known, date], str]] = {
    "text": _text, "lines": _text, "choice": _choice, "whole": _amount, "number": _amount, "date": _date, "link": _link,
    "email": _email,
}  # fmt: skip
