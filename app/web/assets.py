"""Static files under names that contain a hash of their content: cached for ever, compressed once."""

import base64
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.core.settings import HOME
from app.web.answers import Answer
from app.web.page_cache import Kept

FOLDER = HOME / "static"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file: its public address, its content, and the hash that browsers check it against."""

    address: str
    media_type: str
    body: bytes
    integrity: str


@cache
def assets() -> dict[str, Asset]:
    """Every static file by its plain name, such as ``site.css``."""
    return {
        str(p.relative_to(FOLDER)): _asset(p) for p in sorted(FOLDER.rglob("*")) if p.is_file() and p.suffix != ".txt"
    }


def _lean(sheet: bytes) -> bytes:
    """A style sheet without its comments and line breaks, which only its authors read."""
    return re.sub(rb"\s+", b" ", re.sub(rb"/\*.*?\*/", b"", sheet, flags=re.DOTALL)).strip()


def _asset(path: Path) -> Asset:
    body = _lean(path.read_bytes()) if path.suffix == ".css" else path.read_bytes()
    hashed = hashlib.sha256(body)
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name = path.relative_to(FOLDER).with_suffix("")
    return Asset(
        f"/static/{name}.{hashed.hexdigest()[:12]}{path.suffix}",
        kind,
        body,
        f"sha256-{base64.b64encode(hashed.digest()).decode()}",
    )


def address(name: str) -> str:
    """The public address of the static file ``name``."""
    return assets()[name].address


def integrity(name: str) -> str:
    """The hash that a browser checks the static file ``name`` against (Subresource Integrity)."""
    return assets()[name].integrity


def prepared() -> dict[str, Kept]:
    """Every static file as a prepared answer, by its public address."""
    return {
        asset.address: Kept(Answer(asset.body, asset.media_type, immutable=True), (), (), asset.address.split(".")[-2])
        for asset in assets().values()
    }
