"""The API's description (OpenAPI 3.1), generated from the types that the answers are built from.

Litestar's own generator would see only a ``Request``: queries and bodies are read by parsers whose refusals name the
field and what would work. So the schemas come from msgspec, and the paths are listed here.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app import __version__
from app.core.addresses import encode
from app.core.settings import Settings
from app.pricing.offers.store import MOST_ROWS
from app.site import estimate_schema as estimates
from app.site.bill_schema import BillFilters, Bills
from app.site.openapi_others import operations
from app.site.price_schema import COLUMNS, AsOf, Offer, Paging, PriceFilters, Prices
from app.site.survival_schema import LastingPrices, On

Schema = dict[str, Any]


class Problem(Struct, kw_only=True):
    """A problem document (RFC 9457)."""

    type: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    status: int | UnsetType = UNSET
    detail: Annotated[str | UnsetType, Meta(description="what was wrong")] = UNSET
    hint: Annotated[str | UnsetType, Meta(description="what would work")] = UNSET
    parameter: Annotated[str | UnsetType, Meta(description="the parameter or field concerned")] = UNSET
    help: Annotated[str | UnsetType, Meta(description="address of a page that explains more")] = UNSET


_ANSWERED = (Prices, Offer, Problem, Bills, LastingPrices, estimates.Estimate)


def components(*types: type[Struct]) -> dict[str, Schema]:
    """The JSON schemas of ``types`` and of every type they contain, by name."""
    _, found = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return {name: _brief(schema) for name, schema in found.items()}


def _brief(schema: Any) -> Any:
    """A schema from msgspec as the API answers it, in the form that client generators read best.

    Decimals are numbers (``to_json`` writes them so), ``anyOf`` of one type and null is a list of the two, and titles
    that only repeat a name are removed.
    """
    if isinstance(schema, list):
        return [_brief(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _brief(value) for name, value in schema.items() if name != "title" or not isinstance(value, str)}
    if schema.get("required") == []:
        del schema["required"]
    if schema.get("format") == "decimal":
        del schema["format"]
        schema["type"] = "number"
    match schema.get("anyOf"):
        case [{"type": str(kind), **limits}, {"type": "null"}]:
            del schema["anyOf"]
            return {"type": [kind, "null"], **limits, **schema}
    return schema


def inputs(kind: type[Struct]) -> Schema:
    """The schema of an input type. ``None`` means "left out" and is not a value that can be sent."""
    schema = components(kind)[kind.__name__]
    for field in schema["properties"].values():
        if field.get("default") in (None, []):
            field.pop("default", None)
        if isinstance(field["type"], list):
            field["type"] = field["type"][0]
    return schema


def parameters(kind: type[Struct]) -> list[Schema]:
    """The fields of a type as optional query parameters."""
    return [_parameter(name, schema) for name, schema in inputs(kind)["properties"].items()]


def _parameter(name: str, schema: Schema) -> Schema:
    found = {"name": name, "in": "query", "required": False, "description": schema.pop("description")}
    for example in schema.pop("examples", []):
        number = {"integer": int, "number": float}.get(schema["type"], str)
        found["example"] = [example] if schema["type"] == "array" else number(example)
    return {**found, "schema": schema}


def _answers(kind: str, schema: Schema, meaning: str, problems: Mapping[str, str], **more: Any) -> Schema:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "200": {"description": meaning, "content": {kind: {"schema": schema, **more}}},
        **{status: {"description": text, "content": problem} for status, text in problems.items()},
    }


_REFUSED = {
    "400": "A parameter is unknown or invalid; the response names it and gives an example.",
    "503": "Too many requests at once; Retry-After says when to try again.",
}
_TOO_MANY = (
    f"More than {MOST_ROWS:,} prices match, too many for a past day or a file; the response says how to narrow them."
)


def _prices() -> Schema:
    example = {"count": 1, "next": None, "offers": [{name: _EXAMPLE.get(name) for name in COLUMNS}]}
    return {
        "operationId": "prices",
        "summary": "Offers as JSON, a page at a time",
        "parameters": parameters(PriceFilters) + parameters(AsOf) + parameters(Paging),
        "responses": _answers(
            "application/json",
            {"$ref": "#/components/schemas/Prices"},
            "The offers that match the filters, in the order asked for.",
            {**_REFUSED, "422": _TOO_MANY, "410": "The prices have changed since; start from the first page."},
            example=example,
        ),
    }


def _prices_csv() -> Schema:
    return {
        "operationId": "pricesCsv",
        "summary": "Every offer that matches the filters, as CSV (RFC 4180)",
        "parameters": parameters(PriceFilters) + parameters(AsOf),
        "responses": _answers(
            "text/csv",
            {"type": "string"},
            f"Columns: {', '.join(COLUMNS)}; of a past day as_of too.",
            {**_REFUSED, "422": _TOO_MANY},
        ),
    }


def _bill() -> Schema:
    return {
        "operationId": "bill",
        "summary": "Offers by monthly cost with host, disk and egress, and what each price includes",
        "parameters": parameters(BillFilters),
        "responses": _answers(
            "application/json",
            {"$ref": "#/components/schemas/Bills"},
            "Cheapest month first; current prices before stale ones.",
            _REFUSED,
        ),
    }


def _lasting() -> Schema:
    return {
        "operationId": "lasting",
        "summary": "How long prices last, and the probability that each still holds on a day",
        "parameters": parameters(On) + parameters(PriceFilters)[:-2],
        "responses": _answers(
            "application/json",
            {"$ref": "#/components/schemas/LastingPrices"},
            "The curves by provider and tier, and each provider's lowest price for a GPU and tier, cheapest first.",
            _REFUSED,
        ),
    }


def _watch() -> Schema:
    return {
        "operationId": "watch",
        "summary": "A feed of what happens to a search: new lowest prices, restocks, changes of 5% or more",
        "description": "A lowest price is one under every price of the 30 days before; the newest 100 entries of 90 "
        "days. A watch that needs no account: put its address into any feed reader.",
        "parameters": parameters(PriceFilters)[:-2],
        "responses": _answers("application/atom+xml", {"type": "string"}, "An Atom feed (RFC 4287).", _REFUSED),
    }


def _other(about: Schema, asked: type[Struct] | None, address: str) -> Schema:
    """An operation of :func:`operations` as OpenAPI has it."""
    kind, schema, meaning, problems = (about.pop(name) for name in ("kind", "schema", "meaning", "problems"))
    given = parameters(asked) if asked else []
    if "{gpu}" in address:
        named = {"name": "gpu", "in": "path", "required": True, "description": "the GPU's slug",
                 "example": "h100-sxm-80gb", "schema": {"type": "string"}}  # fmt: skip
        given.insert(0, named)
    more = {"parameters": given} if given else {}
    return {**about, **more, "responses": _answers(kind, schema, meaning, problems)}


def _curl(base: str, address: str, method: str, operation: Schema) -> str:
    """A line for a shell that asks the address, with an example of its first parameters."""
    if method == "post":
        body = operation["requestBody"]["content"]["application/json"]["example"]
        accept = " -H 'accept: application/json, text/event-stream'" if address == "/mcp" else ""
        said = msgspec.json.encode(body).decode()
        return f"curl -d '{said}' -H 'content-type: application/json'{accept} {base}{address}"
    asked = [p for p in operation.get("parameters", []) if "example" in p and p["in"] == "query"]
    wanted = "q" if address in ("/api/prices", "/prices.csv") else "gpu"
    first = next((p for p in asked if p["name"] == wanted), asked[0] if asked else None)
    pairs = [(first["name"], str(_first(first["example"])))] if first else []
    path = address.replace("{gpu}", "h100-sxm-80gb")
    return f"curl '{base}{path}{'?' if pairs else ''}{encode(pairs)}'"


def _first(example: Any) -> Any:
    return example[0] if isinstance(example, list) else example


def _estimate(answer: Schema) -> Schema:
    return {
        "operationId": "estimate",
        "summary": "Predict one set-up; inputs are sent to the server and are never stored or logged",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": inputs(estimates.EstimateRequest), "example": estimates.EXAMPLE}
            },
        },
        "responses": _answers(
            "application/json",
            answer,
            "Times in milliseconds with their 80% ranges, memory in bytes, and the limiting resource.",
            {
                "400": "The body is not a JSON object, or is incomplete.",
                "413": "The body is larger than this address accepts.",
                "422": "A field has an impossible value; the response names it and says what would work.",
            },
        ),
    }


def description(settings: Settings) -> Schema:
    """The whole document."""
    schemas = components(*_ANSWERED)
    answer = schemas.pop("Estimate")
    paths = {
        "/api/prices": {"get": _prices()},
        "/prices.csv": {"get": _prices_csv()},
        "/prices.atom": {"get": _watch()},
        "/api/bill": {"get": _bill()},
        "/api/prices/lasting": {"get": _lasting()},
        "/api/estimate": {"post": _estimate(answer)},
        **{address: {how: _other(about, asked, address)} for address, (how, about, asked) in operations().items()},
    }
    for address, methods in paths.items():
        for method, operation in methods.items():
            source = _curl(settings.base_url, address, method, operation)
            operation["x-codeSamples"] = [{"lang": "Shell", "source": source}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "InferenceBench prices",
            "version": __version__,
            "summary": "GPU prices per GPU-hour, each with its source and date.",
            "description": "No key. Responses may be cached for a minute and carry an ETag; send it back in "
            "If-None-Match.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.base_url}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


_EXAMPLE = {
    "provider": "verda", "gpu": "h100-sxm-80gb", "gpu_count": 1, "tier": "on-demand", "usd_per_gpu_hour": 2.29,
    "usd_per_instance_hour": 2.29, "fetched_at": "2026-05-24T00:00:00Z", "stale": True, "source": "gpu-pricing",
    "price_includes": "gpu+host", "currency": "USD", "quoted_amount": 2.29, "quoted_per": "instance-hour",
    "price_since": "2026-05-24", "gpu_memory_gb": 80, "provider_tier": "on-demand", "interconnect": "SXM",
    "source_url": "https://verda.com/products", "id": "0123456789abcdef0123",
}  # fmt: skip
