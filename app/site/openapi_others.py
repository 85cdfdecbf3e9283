"""The API's description of feeds, the index, badges, and what assistants ask: every data address but prices, bills and
estimates.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from app.site.badge import TIERS as BADGE_TIERS
from app.site.price_index import COLUMNS as INDEX_COLUMNS

Schema = dict[str, Any]
ATOM, TEXT, SVG, CSV, JSON = "application/atom+xml", "text/plain", "image/svg+xml", "text/csv", "application/json"
_TIER = {"enum": list(BADGE_TIERS)}


class OneGpu(Struct, kw_only=True):
    """The parameter of what is of one GPU, or of all."""

    gpu: Annotated[str | None, Meta(description="one GPU, by slug; all if left out", examples=["h100-sxm-80gb"])] = None


class IndexFilters(OneGpu, kw_only=True):
    """The parameters of the price index."""

    tier: Annotated[
        str | None, Meta(description="on-demand or spot; both if left out", examples=["spot"], extra_json_schema=_TIER)
    ] = None


class BadgeFilters(Struct, kw_only=True):
    """The parameter of a badge."""

    tier: Annotated[str, Meta(description="on-demand or spot", examples=["spot"], extra_json_schema=_TIER)] = (
        "on-demand"
    )


_WRONG = {"400": "A parameter is unknown or invalid; the response names it and gives an example."}


def _get(name: str, summary: str, kind: str, meaning: str, problems: Mapping[str, str] = _WRONG, **more: Any) -> Schema:
    schema: Schema = {"type": "object"} if kind == JSON else {"type": "string"}
    return {"operationId": name, "summary": summary, "kind": kind, "schema": schema, "meaning": meaning,
            "problems": problems, **more}  # fmt: skip


def operations() -> dict[str, tuple[str, Schema, type[Struct] | None]]:
    """Address → method, what is said of it, and the parameters of its query beside the filters of prices."""
    return {
        "/prices/changes.atom": ("get", _get(
            "changes", "Prices that moved by 5% or more, as a feed", ATOM,
            "The newest 200 changes, of all GPUs or of one."), OneGpu),
        "/index.csv": ("get", _get(
            "index", "The price index by day: the median of providers' lowest prices", CSV,
            f"Columns: {', '.join(INDEX_COLUMNS)}; of every GPU in the last quarter, of one in the last two years."),
            IndexFilters),
        "/index.atom": ("get", _get(
            "indexFeed", "The price index at the end of each week, as a feed", ATOM, "The newest 100 entries."),
            IndexFilters),
        "/badge/{gpu}.svg": ("get", _get(
            "badge", "An image for other pages: a GPU's lowest price and the day it was seen", SVG,
            "An SVG image without script. The page that embeds it is not logged.",
            {**_WRONG, "404": "No GPU has that name."}), BadgeFilters),
        "/calculator/sheet.json": ("get", _get(
            "sheet", "What the calculator computes with: models, GPUs, best offers, constants", JSON,
            "Compact lists in the order that static/calculator.js names; the format may change with a release."),
            None),
        "/policies/changes.atom": ("get", _get(
            "policyChanges", "Changes of the policies, as a feed", ATOM, "Every version, the newest first."), None),
        "/llms.txt": ("get", _get(
            "llms", "What the site holds and where to read it, for AI assistants", TEXT,
            "Markdown (llmstxt.org)."), None),
        "/api/openapi.json": ("get", _get(
            "openapi", "This description", JSON, "OpenAPI 3.1."), None),
        "/mcp": ("post", {
            "operationId": "mcp",
            "summary": "The Model Context Protocol for assistants: search_prices, estimate, compare",
            "description": "Streamable HTTP without sessions; read only; requests are never stored or logged. At "
            "most 600 requests per hour from one address.",
            "requestBody": {"required": True,
                            "content": {JSON: {"schema": {"type": "object"}, "example": MCP_EXAMPLE}}},
            "kind": JSON, "schema": {"type": "object"}, "meaning": "The JSON-RPC 2.0 answer.",
            "problems": {"403": "The request came from another site's page.", "413": "Over 64,000 bytes.",
                         "429": "Too many requests; Retry-After says when to try again.",
                         "503": "Too many requests at once; Retry-After says when to try again."}}, None),
    }  # fmt: skip


MCP_EXAMPLE = {
    "jsonrpc": "2.0", "id": 1, "method": "tools/call",
    "params": {"name": "search_prices", "arguments": {"q": "h100 spot"}},
}  # fmt: skip
