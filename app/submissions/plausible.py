"""Plausibility of a report, compared with known values. Doubts are shown to the sender, who can confirm the value;
nothing is refused because of them."""

from decimal import Decimal

from app.benchmarks.measured import measured_rows, shipped_shapes
from app.benchmarks.predict import predict
from app.benchmarks.rows import gpu_slug, question
from app.core.money import show, to_micro
from app.estimate.inputs import EstimateError, UnknownError
from app.pricing.offers.market_store import known_prices
from app.submissions.forms import Values
from app.submissions.publish import as_row
from app.submissions.store import Submission

FAR = Decimal(2)
"""Prices and speeds below the lowest known value divided by this, or above the highest times this, raise a doubt."""
FEWEST = 2


async def doubts(kind: str, values: Values) -> dict[str, str]:
    """Field → what is implausible about its value, for the sender."""
    if kind == "price":
        return await _price(values)
    return _benchmark(values) if kind == "benchmark" else {}


async def _price(values: Values) -> dict[str, str]:
    known = await known_prices(values["gpu"], values["tier"])
    amount = Decimal(values["price"]) / (1 if values["per"] == "gpu-hour" else Decimal(values["gpu_count"]))
    if len(known) < FEWEST:
        return {}
    low, high, mine = known[0], known[-1], to_micro(amount)
    if mine * FAR < low:
        return {
            "price": f"That is {amount * 1_000_000 / low:.2f} times the lowest of {len(known)} offers known "
            f"({show(low)} per GPU-hour): please check."
        }
    if mine > high * FAR:
        return {
            "price": f"That is {amount * 1_000_000 / high:.1f} times the highest of {len(known)} offers known "
            f"({show(high)} per GPU-hour): please check."
        }
    return {}


def _benchmark(values: Values) -> dict[str, str]:
    row = as_row(Submission("", "benchmark", "", "", False, values, "", "", "", "", "", 1))
    field = "tpot_ms" if "tpot_ms" in values else "output_tokens_per_s"
    if odd := _throughput(values):
        return {"output_tokens_per_s": odd}
    try:
        asked = question(row, shipped_shapes())
        guess = predict(asked).speed.tpot * 1000
    except UnknownError:  # what we lack says nothing about what was measured
        return {}
    except EstimateError as error:
        return {"gpu": f"By our estimate this does not run so: {error.message}. Please check."}
    mine = float(row["tpot_ms"])
    fastest = min((float(r["tpot_ms"]) for r in measured_rows() if _same(r, row) and r["tpot_ms"]), default=0.0)
    if fastest and mine * float(FAR) < fastest:
        return {
            field: f"That is {fastest / mine:.1f} times as quick as the fastest measured ({fastest:.1f} ms a token): "
            f"please check."
        }
    if mine * 3 < guess or mine > guess * 3:
        return {field: f"That is {mine:.1f} ms a token where {guess:.1f} ms is predicted: please check."}
    return {}


LITTLE, LITTLE_WITHOUT_TTFT = 10, 100
"""A throughput lower than the times allow by more than this raises a doubt: load that comes in waves, and a time to
first token that is not told, make it lower, but not by that much."""


def _throughput(values: Values) -> str:
    """What is odd about a throughput beside the number of requests and their times, ``""`` if nothing is."""
    if not {"tpot_ms", "output_tokens_per_s"} <= values.keys():
        return ""
    told, load, tpot = (Decimal(values[name]) for name in ("output_tokens_per_s", "concurrency", "tpot_ms"))
    most, requests = 1000 * load / tpot, f"{values['concurrency']} requests at {values['tpot_ms']} ms a token"
    if told > most * Decimal("1.1"):
        return f"{requests} give at most {most:,.0f} tokens/s: please check."
    tokens, ttft = Decimal(values["output_tokens"]), Decimal(values.get("ttft_ms", 0))
    about = 1000 * load * tokens / (ttft + tokens * tpot)
    if told * (LITTLE if ttft else LITTLE_WITHOUT_TTFT) < about:
        first = f", with {values['ttft_ms']} ms to the first," if ttft else ""
        return f"{requests}{first} give about {about:,.0f} tokens/s: please check."
    return ""


def _same(measured: dict[str, str], row: dict[str, str]) -> bool:
    """The same model on the same GPU with the same split."""
    if measured["model"].casefold() != row["model"].casefold() or measured["tensor_parallel"] != row["tensor_parallel"]:
        return False
    try:
        return gpu_slug(measured["gpu"]) == row["gpu"]
    except EstimateError:
        return False
