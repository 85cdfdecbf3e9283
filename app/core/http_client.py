"""HTTP requests to other organisations' servers: every limit in one place, one typed error.

Only workers and commands make them, never the web process. A fetch has limits on connecting, on each read and in total,
on the size of the decoded body and on redirects. It checks TLS (plain http only to loopback), ignores proxies from the
environment, and identifies itself in the user agent.
"""

import asyncio
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from app import __version__
from app.core.errors import InferenceBenchError
from app.core.setting_readers import is_loopback
from app.core.settings import Settings
from app.core.units import KIB, MIB

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 4
PATIENCE_S = 6
"""The longest ``Retry-After`` that a fetch waits for, in seconds; a longer one fails the fetch and is recorded."""


class Fault(StrEnum):
    """The kind of failure, in the words in which it is recorded."""

    UNREACHABLE = "not reachable"
    TOO_SLOW = "too slow"
    TOO_LARGE = "too large"
    REDIRECT = "redirected elsewhere"
    TOO_MANY = "asked to wait"
    SERVER = "server error"
    REFUSED = "refused"
    NOT_JSON = "not JSON"
    TRUNCATED = "cut off"
    SCHEMA = "changed its form"
    FEW = "fewer rows than before"
    OWN = "our own reading of the answer failed"
    CRASHED = "failed"


class FetchError(InferenceBenchError):
    """A source could not be read. ``fault`` is the kind of failure, ``retry_after`` the wait that the server asked for,
    in seconds."""

    def __init__(self, fault: Fault, text: str, retry_after: int | None = None) -> None:
        super().__init__(f"{fault}: {text}")
        self.fault = fault
        self.retry_after = retry_after

    @property
    def may_pass(self) -> bool:
        """True if another attempt soon is likely to succeed."""
        return self.fault in (Fault.UNREACHABLE, Fault.TOO_SLOW, Fault.TOO_MANY, Fault.SERVER, Fault.TRUNCATED)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, for each read, and in total; bytes of the decoded body."""

    connect_s: float = 10
    read_s: float = 10
    total_s: float = 30
    max_bytes: int = 64 * MIB


@cache
def _tls() -> ssl.SSLContext:
    """The trusted certificates, read once: reading takes 25 ms, as long as fetching a small source."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


class Fetcher:
    """Fetches from one source: from its origin (or the mirror set in its place), and from hosts that it may redirect
    to.

    ``origin`` is scheme, host and port; ``hosts`` are further hosts that a redirect may lead to. ``own_network`` allows
    plain http to a host that the operator named.
    """

    def __init__(
        self,
        origin: str,
        *,
        hosts: tuple[str, ...] = (),
        contact: str = "",
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
        own_network: bool = False,
    ) -> None:
        import httpx  # the web process never fetches, so it need not load this

        self._own_network = own_network
        self._refuse_unsafe(origin)
        self.origin = origin.rstrip("/")
        self._hosts = {urlsplit(origin).netloc, *hosts}
        self._limits = limits or Limits()
        self._headers = dict(headers or {})
        agent = f"InferenceBench/{__version__} (GPU price comparison{f'; {contact}' if contact else ''})"
        self._client = httpx.AsyncClient(
            verify=_tls(),
            timeout=httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": agent, "accept-encoding": "gzip", "accept": "application/json, */*;q=0.5"},
            limits=httpx.Limits(max_connections=8),
        )

    @classmethod
    def of(
        cls,
        settings: Settings,
        name: str,
        origin: str,
        *,
        hosts: tuple[str, ...] = (),
        limits: Limits | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A fetcher for the source ``name``, from ``SOURCE_{NAME}_URL`` instead of ``origin`` if that is set."""
        origin = settings.source_urls.get(name, origin)
        return cls(origin, hosts=hosts, contact=settings.contact_email, limits=limits, headers=headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def json(
        self, path: str, *, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The decoded JSON at ``path``; numbers with a decimal point come as text, so that no price passes through a
        float."""
        raw, kind = await self.read(path, method=method, body=body, headers=headers)
        text = raw.decode("utf-8-sig", "replace").strip()
        if text[:1] == "<" or "html" in kind:
            raise FetchError(Fault.NOT_JSON, f"{self._said(path)} answered with a page of HTML instead of data")
        try:
            return json.loads(text, parse_float=str)
        except ValueError as error:
            fault = Fault.TRUNCATED if text[:1] in "[{" and text[-1:] not in "]}" else Fault.NOT_JSON
            raise FetchError(fault, f"{self._said(path)}: {error}") from None
        except RecursionError:
            raise FetchError(Fault.NOT_JSON, f"{self._said(path)} is nested too deeply") from None

    async def text(self, path: str) -> str:
        """The text at ``path``, decoded as UTF-8."""
        return (await self.read(path))[0].decode("utf-8-sig", "replace")

    async def read(
        self, path: str, *, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, str]:
        """(decoded body, content type) of the answer at ``path``. Raises :class:`FetchError`."""
        given = {**self._headers, **(headers or {})}
        for attempt in range(3):
            try:
                async with asyncio.timeout(self._limits.total_s):
                    return await self._follow(urljoin(self.origin + "/", path), method, body, given)
            except TimeoutError:
                raise FetchError(Fault.TOO_SLOW, f"{self._said(path)} took over {self._limits.total_s:g} s") from None
            except FetchError as error:
                short = error.retry_after is not None and error.retry_after <= PATIENCE_S
                if error.fault is not Fault.TOO_MANY or not short or attempt == 2:
                    raise
                await asyncio.sleep(max(1, error.retry_after or 0))
        raise AssertionError("unreachable")

    async def _follow(self, url: str, method: str, body: Any, headers: dict[str, str]) -> tuple[bytes, str]:
        import httpx

        for _ in range(MAX_REDIRECTS + 1):
            self._allow(url)
            try:
                answer = await self._once(url, method, body, headers)
            except httpx.TimeoutException as error:
                raise FetchError(Fault.TOO_SLOW, f"{self._said(url)} ({type(error).__name__})") from None
            except httpx.RemoteProtocolError as error:
                raise FetchError(Fault.TRUNCATED, f"{self._said(url)}: {error}") from None
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                raise FetchError(
                    Fault.UNREACHABLE, f"{self._said(url)}: {str(error)[:200] or type(error).__name__}"
                ) from None
            if isinstance(answer, tuple):
                return answer
            if urlsplit(answer).netloc != urlsplit(url).netloc:
                headers = {}  # a key is only for the host it was issued for, whatever its header is called
            url = answer
        raise FetchError(Fault.REDIRECT, f"{self._said(url)}: more than {MAX_REDIRECTS} redirects")

    async def _once(self, url: str, method: str, body: Any, headers: dict[str, str]) -> tuple[bytes, str] | str:
        """The body and content type of one answer, or the address that it redirects to."""
        async with self._client.stream(method, url, json=body, headers=headers) as answer:
            if answer.status_code in (301, 302, 303, 307, 308) and "location" in answer.headers:
                return urljoin(url, answer.headers["location"])
            _refuse_status(answer, self._said(url))
            coding = answer.headers.get("content-encoding", "identity").strip().lower()
            parts = [part async for part in self._decoded(answer.aiter_raw(64 * KIB), coding, url)]
            return b"".join(parts), answer.headers.get("content-type", "").lower()

    async def _decoded(self, raw: AsyncIterator[bytes], coding: str, url: str) -> AsyncIterator[bytes]:
        """The decoded chunks, cut off at the limit so that a small body can't unpack to a huge one."""
        if coding not in ("identity", "gzip", "deflate", ""):
            raise FetchError(Fault.NOT_JSON, f"{self._said(url)} is packed as {coding[:20]!r}, which was not asked for")
        left = self._limits.max_bytes
        inflate = zlib.decompressobj(47) if coding in ("gzip", "deflate") else None
        async for chunk in raw:
            data = chunk
            if inflate is not None:
                try:
                    data = inflate.decompress(chunk, left + 1)
                except zlib.error as error:
                    raise FetchError(Fault.TRUNCATED, f"{self._said(url)}: {error}") from None
            left -= len(data)
            if left < 0:
                raise FetchError(Fault.TOO_LARGE, f"{self._said(url)} holds over {self._limits.max_bytes:,} bytes")
            yield data
        if inflate is not None and not inflate.eof:
            raise FetchError(Fault.TRUNCATED, f"{self._said(url)} ended in the middle")

    def _refuse_unsafe(self, url: str) -> None:
        """Allow only https; plain http only to this machine, or to a host on the operator's own network that they
        named."""
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return
        if parts.scheme == "http" and (self._own_network or is_loopback(parts.hostname or "")):
            return
        raise FetchError(Fault.REDIRECT, f"{url[:80]!r} is neither https nor on this machine")

    def _allow(self, url: str) -> None:
        self._refuse_unsafe(url)
        if urlsplit(url).netloc not in self._hosts:
            raise FetchError(
                Fault.REDIRECT, f"sent to {urlsplit(url).netloc[:80]!r}, which is not a host of this source"
            )

    def _said(self, url: str) -> str:
        """An address for a record: without its query, which may be long and may contain a key."""
        return urlsplit(urljoin(self.origin + "/", url))._replace(query="", fragment="").geturl()[:160]


def _refuse_status(answer: "httpx.Response", said: str) -> None:
    status = answer.status_code
    if status == 429 or (status == 503 and "retry-after" in answer.headers):
        asked = answer.headers.get("retry-after", "")
        wait = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else None
        words = f"; asks to wait {wait} s" if wait is not None else ""
        raise FetchError(Fault.TOO_MANY, f"{said} answered {status}{words}", wait)
    if status >= 500:
        raise FetchError(Fault.SERVER, f"{said} answered {status}")
    if status in (401, 403):
        raise FetchError(Fault.REFUSED, f"{said} answered {status}: the key is missing, wrong or may not read this")
    if status != 200:
        raise FetchError(Fault.REFUSED, f"{said} answered {status}")
