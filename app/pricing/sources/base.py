"""The base classes of what is asked for prices, and the helpers that sources share."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from app.core import clock
from app.core.http_client import Fault, Fetcher, FetchError, Limits
from app.core.settings import Settings
from app.pricing.offers.offer import RawOffer

T = TypeVar("T")
NO_GPU = "no GPU in it"
NOTHING = "nothing that can be rented"
GB = 10**9


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that a source stated and that is no offer of a GPU to rent, with the reason."""

    why: str


class Service:
    """What is asked for prices, exchange rates or reclaims: a name, a title, an address and its limits.

    ``origin`` is asked unless a mirror is set; ``hosts`` are further hosts that it may redirect to. ``needs_key`` marks
    those that are "not configured" without ``SOURCE_{NAME}_KEY``. ``every_minutes`` is how often it is asked,
    ``privacy`` the address of its privacy policy; one that asks several services lists each in ``services``, with the
    address of its policy.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    origin: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]] = ()
    needs_key: ClassVar[bool] = False
    every_minutes: ClassVar[int] = 30
    privacy: ClassVar[str] = ""
    services: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[Limits] = Limits()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.key = settings.source_keys.get(self.name, "")

    @classmethod
    def asked(cls) -> Mapping[str, str]:
        """Every service that is asked → the address of its privacy policy."""
        return cls.services or {cls.title: cls.privacy}

    @property
    def is_configured(self) -> bool:
        """False where a key is needed and none is set."""
        return bool(self.key) or not self.needs_key

    def asking(self, **headers: str) -> AbstractAsyncContextManager[Fetcher]:
        """A fetcher for this service's address, with ``headers`` on every request."""
        return Fetcher.of(self.settings, self.name, self.origin, hosts=self.hosts, limits=self.limits, headers=headers)


class Source(Service):
    """A source of prices: a service whose :meth:`fetch` returns raw offers. ``currencies`` are those other than US
    dollars that it quotes in."""

    currencies: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.faults: dict[str, str] = {}
        """Provider → what went wrong with it, for a source of several providers whose other parts are good."""
        self.left_out: Counter[str] = Counter()
        """Why a row is no offer of a GPU to rent → the number of such rows in the last answer."""
        self._counting = threading.Lock()  # some sources read the answers of their clouds in threads

    async def fetch(self) -> list[RawOffer]:
        """Everything the source states now. Raises :class:`FetchError` if the answer as a whole can't be used."""
        raise NotImplementedError

    def offer(self, **facts: Any) -> RawOffer:
        """A raw offer of this source, seen now."""
        return RawOffer(**{"source": self.name, "fetched_at": clock.timestamp(), **facts})

    def leave(self, why: str, rows: int = 1) -> None:
        """Count rows that are no offer of a GPU to rent, so that every row of an answer is accounted for."""
        with self._counting:
            self.left_out[why] += rows

    def each(
        self, items: Iterable[Any], read: Callable[[Any], "Iterable[RawOffer | LeftOut]"], provider: str
    ) -> list[RawOffer]:
        """The offers that ``read`` makes of every item; one that can't be read is kept with what was wrong with it.

        A :class:`LeftOut` is counted; an item of which ``read`` makes nothing at all is counted as empty.
        """
        found: list[RawOffer] = []
        for item in items:
            try:
                for made in list(read(item)) or [LeftOut(NOTHING)]:
                    if isinstance(made, LeftOut):
                        self.leave(made.why)
                    else:
                        found.append(made)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
                fault = f"{type(error).__name__}: {error}"[:120]
                found.append(self.offer(provider=provider, gpu=_label(item), tier="", fault=fault))
        return found


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run ``works`` concurrently; when one fails, the others are cancelled before its error is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _label(item: Any) -> str:
    """A short text by which a row that could not be read can be found in the answer."""
    if isinstance(item, Mapping):
        for name in ("name", "id", "planCode", "armSkuName", "gpu_name", "model", "instance_type"):
            if isinstance(item.get(name), str):
                return str(item[name])[:80]
    return str(item)[:80]


def listed(answer: Any, *path: str) -> list[Any]:
    """The list at ``path`` inside an answer; raises a typed error when the answer's form has changed."""
    found = _inside(answer, path)
    if not isinstance(found, list):
        raise FetchError(Fault.SCHEMA, f"no list at {'.'.join(path) or 'the top'}")
    return found


def mapped(answer: Any, *path: str) -> dict[str, Any]:
    """The object at ``path`` inside an answer; raises a typed error when the answer's form has changed."""
    found = _inside(answer, path)
    if not isinstance(found, dict):
        raise FetchError(Fault.SCHEMA, f"no object at {'.'.join(path) or 'the top'}")
    return found


def _inside(answer: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(answer, dict) or name not in answer:
            raise FetchError(Fault.SCHEMA, f"nothing called {name!r} in the answer")
        answer = answer[name]
    return answer


def text(value: Any) -> str:
    """A field that must be text; raises ``TypeError`` otherwise."""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not text")
    return value


def whole(value: Any) -> int | None:
    """A whole number from a number or its text, ``None`` where there is none."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    return int(float(value))
