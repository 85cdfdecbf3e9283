"""Fetching model facts from the Hugging Face Hub through its own client library, within limits. Workers and commands
only.

The library sets no limits of its own; the HTTP client given to it has timeouts, no proxy, a bound on the body, and a
list of hosts that redirects may lead to.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app import __version__
from app.core.errors import InferenceBenchError
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.settings import Settings
from app.core.units import MIB
from app.models.hub.evaluations import MOST, Evaluation, clean, from_entries, from_index

EXPAND = [
    "cardData",
    "config",
    "downloads",
    "evalResults",
    "gated",
    "lastModified",
    "model-index",
    "safetensors",
    "tags",
]
MAX_BODY = 8 * MIB
AT_ONCE = 4
SPEEDS = "optimum-benchmark/llm-perf-leaderboard"


@dataclass(frozen=True, slots=True)
class HubModel:
    """What the Hub says about a model. ``config`` is its ``config.json``; ``fault`` says why that could not be read."""

    model: str
    config: Any = None
    fault: str = ""
    licence: str = ""
    gated: str = ""
    downloads: int | None = None
    last_modified: str = ""
    file_parameters: int | None = None
    evaluations: tuple[Evaluation, ...] = field(default=())


class HubError(InferenceBenchError):
    """The Hub does not have a model, or does not answer."""


class Hub:
    """The Hub at ``HF_ENDPOINT``."""

    def __init__(self, settings: Settings) -> None:
        from huggingface_hub import HfApi, set_client_factory

        self._endpoint = settings.hf_endpoint
        set_client_factory(lambda: _client(self._endpoint))
        self._api = HfApi(
            endpoint=self._endpoint, token=False, library_name="inferencebench", library_version=__version__
        )
        self._fetcher = Fetcher(
            _origin(self._endpoint), contact=settings.contact_email, limits=Limits(max_bytes=MAX_BODY)
        )
        self._places = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> "Hub":
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._fetcher.__aexit__()

    async def model(self, name: str) -> HubModel:
        """Facts, evaluation results and configuration of a model. Raises :class:`HubError` if it does not exist."""
        async with self._places:
            info = await asyncio.to_thread(self._info, name)
            config, fault = await self._config(name, info)
        return _made(name, info, config, fault)

    def _info(self, name: str) -> Any:
        from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

        try:
            return self._api.model_info(name, expand=EXPAND, timeout=20)  # type: ignore[arg-type]
        except RepositoryNotFoundError:
            raise HubError("the Hub has no such model, or hides it") from None
        except HfHubHTTPError as error:
            status = getattr(getattr(error, "response", None), "status_code", "an error")
            raise HubError(f"the Hub answered {status}") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise HubError(f"the Hub's answer could not be read ({type(error).__name__})") from None
        except Exception as error:  # the library's own HTTP client has errors of its own
            raise HubError(f"the Hub could not be reached ({type(error).__name__})") from None

    async def _config(self, name: str, info: Any) -> tuple[Any, str]:
        """(configuration, why there is none)."""
        try:
            return await self._fetcher.json(f"{_path(self._endpoint)}/{name}/resolve/main/config.json"), ""
        except FetchError as error:
            if error.fault is Fault.REFUSED and getattr(info, "gated", None):
                return None, "gated: its files require accepting terms first"
            return None, f"its configuration could not be read ({error.fault})"

    async def speed_files(self) -> list[str]:
        """The CSV files of the Hub's speed leaderboard."""
        names: list[str] = await asyncio.to_thread(self._list_speeds)
        return [name for name in names if name.endswith(".csv") and name.isprintable()][:200]

    def _list_speeds(self) -> list[str]:
        try:
            return list(self._api.list_repo_files(SPEEDS, repo_type="dataset"))
        except Exception as error:
            raise HubError(f"the leaderboard's files could not be listed ({type(error).__name__})") from None

    async def speed_file(self, name: str) -> str:
        """One CSV file of the leaderboard, as text."""
        return await self._fetcher.text(f"{_path(self._endpoint)}/datasets/{SPEEDS}/resolve/main/{name}")


def _made(name: str, info: Any, config: Any, fault: str) -> HubModel:
    card = getattr(info, "card_data", None)
    found = [*from_entries(getattr(info, "eval_results", None) or ()), *from_index(getattr(info, "model_index", None))]
    total = getattr(getattr(info, "safetensors", None), "total", None)
    downloads, modified = getattr(info, "downloads", None), getattr(info, "last_modified", None)
    return HubModel(
        model=name, config=config, fault=fault, licence=_licence(card, getattr(info, "tags", None) or ()),
        gated={False: "no", "auto": "yes", "manual": "yes", True: "yes"}.get(getattr(info, "gated", None), ""),
        downloads=downloads if isinstance(downloads, int) and 0 <= downloads < 2**62 else None,
        last_modified=f"{modified:%Y-%m-%d}" if modified is not None and hasattr(modified, "year") else "",
        file_parameters=total if isinstance(total, int) and 0 < total < 2**62 else None,
        evaluations=tuple(found[:MOST]),
    )  # fmt: skip


def _licence(card: Any, tags: Any) -> str:
    """The licence's name; for a licence of the owner's own, the name they gave it."""
    licence = card.get("license") if card is not None and hasattr(card, "get") else None
    if licence == "other" and card.get("license_name"):
        licence = card.get("license_name")
    if not isinstance(licence, str):
        licence = next(
            (tag.removeprefix("license:") for tag in tags if isinstance(tag, str) and tag.startswith("license:")), ""
        )
    return clean(licence, 60)


def _origin(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _path(endpoint: str) -> str:
    return urlsplit(endpoint).path.rstrip("/")


def _client(endpoint: str) -> Any:
    """The library's HTTP client, with limits."""
    import httpx2

    host = urlsplit(endpoint).netloc

    def allow(request: Any) -> None:
        if request.url.netloc.decode() != host:
            raise httpx2.UnsupportedProtocol(f"{request.url.host} is not the Hub")
        request.headers["accept-encoding"] = "identity"

    def bound(response: Any) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("the answer is packed, which was not asked for")
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > MAX_BODY:
                raise httpx2.DecodingError(f"the answer holds over {MAX_BODY:,} bytes")
            parts.append(part)
        response._content = b"".join(parts)

    return httpx2.Client(
        timeout=httpx2.Timeout(20, connect=10), trust_env=False, follow_redirects=True, max_redirects=4,
        event_hooks={"request": [allow], "response": [bound]},
    )  # fmt: skip
