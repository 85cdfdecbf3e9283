"""The API's description (OpenAPI 3.1), made from the same tables that read the parameters and write the rows."""

from typing import Any

from app import __version__
from app.core.settings import Settings
from app.estimate.inputs import ENGINES, MOST_CONCURRENCY, MOST_TOKENS
from app.pricing.offers.offer import Tier
from app.pricing.offers.price_query import MEANINGS, ORDERS, SORTS
from app.site import estimate_api as estimates
from app.site.price_api import COLUMNS, MAX_LIMIT

_WORDS: dict[str, Any] = {"type": "string"}
_SPLIT: dict[str, Any] = {"type": "integer", "minimum": 1, "default": 1}
_TOKENS: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS}
_LOAD: dict[str, Any] = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_CONCURRENCY}
_FIELDS: dict[str, dict[str, Any]] = {
    "model": _WORDS, "gpu": _WORDS, "precision": _WORDS,
    "engine": {"type": "string", "enum": list(ENGINES), "default": "vllm"},
    "tensor_parallel": _SPLIT, "pipeline_parallel": _SPLIT, "attention_data_parallel": _SPLIT,
    "expert_parallel": _SPLIT,
    "input_tokens": _TOKENS, "output_tokens": _TOKENS, "concurrency": _LOAD, "request_rate_per_s": _LOAD,
}  # fmt: skip
"""Field of an estimate → its JSON schema, within the limits that the estimator checks."""
_MANY = ("gpu", "provider", "region", "tier")
_SCHEMAS: dict[str, dict[str, Any]] = {
    "tier": {"type": "string", "enum": [tier.value for tier in Tier]},
    "min_memory_gb": {"type": "integer", "minimum": 1, "maximum": 10_000},
    "max_usd": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000},
    "sort": {"type": "string", "enum": list(SORTS), "default": "price"},
    "order": {"type": "string", "enum": list(ORDERS), "default": "asc"},
}
_NUMBERS = {
    "gpu_count",
    "usd_per_gpu_hour",
    "usd_per_instance_hour",
    "quoted_amount",
    "disk_usd_per_gb_month",
    "traffic_usd_per_gb",
}
_WHOLE = {"commitment_months", "gpu_memory_gb", "vcpus", "ram_gb", "disk_gb", "min_nodes"}
_ALWAYS = {"provider", "gpu", "tier", "usd_per_gpu_hour", "fetched_at", "stale", "source", "currency", "id"}


def _parameter(name: str) -> dict[str, Any]:
    meaning, example = MEANINGS[name]
    one = _SCHEMAS.get(name, {"type": "string"})
    schema = {"type": "array", "items": one} if name in _MANY else one
    value: Any = [example] if name in _MANY else example
    if one.get("type") in ("integer", "number"):
        value = float(example) if one["type"] == "number" else int(example)
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": schema, "example": value}


def _column(name: str, meaning: str) -> dict[str, Any]:
    kind = "boolean" if name == "stale" else "number" if name in _NUMBERS else "integer" if name in _WHOLE else "string"
    return {"type": kind if name in _ALWAYS else [kind, "null"], "description": meaning}


def _problem(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def description(settings: Settings) -> dict[str, Any]:
    """The whole document."""
    filters = [_parameter(name) for name in MEANINGS if name not in ("unit", "page")]
    paging = [
        {"name": "limit", "in": "query", "description": f"rows an answer, from 1 to {MAX_LIMIT:,}",
         "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT}, "example": 100},
        {"name": "cursor", "in": "query", "description": "where to go on: take it from the field next of the answer "
            "before",
         "schema": {"type": "string"}},
    ]  # fmt: skip
    refused = {
        "400": _problem("A parameter is unknown or wrong; the answer names it and gives an example."),
        "503": _problem("Too much at once; Retry-After says when to come back."),
    }
    example = {"count": 1, "next": None, "offers": [{name: _EXAMPLE.get(name) for name, _, _ in COLUMNS}]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "InferenceBench prices",
            "version": __version__,
            "summary": "GPU prices per GPU-hour, each with its source and date.",
            "description": "No key. Answers are cached at the edge for a minute and carry an ETag: ask with "
                           "If-None-Match.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.base_url}],
        "paths": {
            "/api/prices": {
                "get": {
                    "operationId": "prices",
                    "summary": "Offers as JSON, a page at a time",
                    "parameters": [*filters, *paging],
                    "responses": {
                        "200": {
                            "description": "The offers that answer the filters, in the asked order.",
                            "content": {"application/json": {
                                "schema": {"$ref": "#/components/schemas/Prices"}, "example": example}},
                        },
                        **refused,
                        "410": _problem("The prices changed since the cursor was given; begin again."),
                    },
                }
            },
            "/prices.csv": {
                "get": {
                    "operationId": "pricesCsv",
                    "summary": "Every offer that answers the filters, as CSV (RFC 4180)",
                    "parameters": filters,
                    "responses": {
                        "200": {"description": "Columns: " + ", ".join(name for name, _, _ in COLUMNS) + ".",
                                "content": {"text/csv": {"schema": {"type": "string"}}}},
                        **refused,
                    },
                }
            },
            "/api/estimate": {
                "post": {
                    "operationId": "estimate",
                    "summary": "Predict one set-up; inputs are sent to the server, never stored or logged",
                    "requestBody": {"required": True, "content": {"application/json": {
                        "schema": {"type": "object", "required": ["model", "gpu", "input_tokens", "output_tokens"],
                                   "additionalProperties": False,
                                   "properties": {name: {**_FIELDS[name], "description": meaning}
                                                  for name, (meaning, _) in estimates.FIELDS.items()}},
                        "example": estimates.EXAMPLE}}},
                    "responses": {
                        "200": {"description": "Times in milliseconds with their 80 % ranges, memory in bytes, what "
                                               "limits.",
                                "content": {"application/json": {"schema": {
                                    "type": "object", "required": list(estimates.ANSWER),
                                    "properties": {name: {"type": [kind,
                                    "null"] if name in estimates.NULLABLE else kind,
                                                          "description": meaning}
                                                   for name, (kind, meaning) in estimates.ANSWER.items()}}}}},
                        "400": _problem("The body is not a JSON object, or it was cut off."),
                        "413": _problem("The body is larger than this address takes."),
                        "422": _problem("A field can't be; the answer names it and says what would work."),
                    },
                }
            },
        },
        "components": {
            "schemas": {
                "Prices": {
                    "type": "object",
                    "required": ["count", "offers", "next"],
                    "properties": {
                        "count": {"type": "integer", "description": "Offers that answer the filters, on all pages."},
                        "offers": {"type": "array", "items": {"$ref": "#/components/schemas/Offer"}},
                        "next": {"type": ["string", "null"], "description": "Address of the following rows; null at "
                            "the end."},
                    },
                },
                "Offer": {
                    "type": "object",
                    "required": [name for name, _, _ in COLUMNS],
                    "properties": {name: _column(name, meaning) for name, _, meaning in COLUMNS},
                },
                "Problem": {
                    "type": "object",
                    "description": "RFC 9457.",
                    "properties": {name: {"type": "integer" if name == "status" else "string"}
                                   for name in ("type", "title", "status", "detail", "hint", "parameter", "help")},
                },
            }
        },
    }  # fmt: skip


_EXAMPLE = {
    "provider": "verda", "gpu": "h100-sxm-80gb", "gpu_count": 1, "tier": "on-demand", "usd_per_gpu_hour": 2.29,
    "usd_per_instance_hour": 2.29, "fetched_at": "2026-05-24T00:00:00Z", "stale": True, "source": "gpu-pricing",
    "price_includes": "gpu+host", "currency": "USD", "quoted_amount": 2.29, "quoted_per": "instance-hour",
    "price_since": "2026-05-24", "gpu_memory_gb": 80, "provider_tier": "on-demand", "interconnect": "SXM",
    "source_url": "https://verda.com/products", "id": "0123456789abcdef0123",
}  # fmt: skip
