"""How the text of a setting is read: each returns its value, or raises ``ValueError`` with what is wrong."""

import ipaddress
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ROLES = ("all", "web", "records")
"""A node of its own does everything. Of several, one keeps the records of persons, and the others serve pages."""


def folder(text: str) -> Path:
    """A folder, which may not exist yet."""
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError("is a file, not a folder")
    return path.resolve()


def known_folder(text: str) -> Path:
    """A folder that exists."""
    path = folder(text)
    if not path.is_dir():
        raise ValueError("is not a folder that exists")
    return path


def port(text: str) -> int:
    """A port from 1 to 65535."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError("is not a port from 1 to 65535")
    return int(text)


def port_or_none(text: str) -> int:
    """A port, or 0 for none."""
    return 0 if text == "0" else port(text)


def text(text: str) -> str:
    """Words."""
    if not text.strip() or any(ord(c) < 32 for c in text):
        raise ValueError("is empty or holds control characters")
    return text.strip()


def host(text: str) -> str:
    """A name or address of a machine."""
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise ValueError("is not a host name or address")
    return text


def url(*schemes: str, optional: bool = False, origin_only: bool = False) -> Callable[[str], str]:
    """A reader of URLs of one of ``schemes``."""

    def read(text: str) -> str:
        if not text and optional:
            return ""
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for a port that is no number
        if parts.scheme not in schemes:
            raise ValueError(f"does not begin with {' or '.join(s + '://' for s in schemes)}")
        if not parts.hostname and parts.scheme != "unix":
            raise ValueError("names no host")
        if origin_only and (parts.path.strip("/") or parts.query or parts.fragment):
            raise ValueError("holds more than scheme, host and port")
        return text.rstrip("/")

    return read


def urls(text: str) -> tuple[str, ...]:
    """URLs of http or https, separated by spaces."""
    read = url("http", "https")
    return tuple(dict.fromkeys(read(part) for part in text.split()))


def role(text: str) -> str:
    """What a node does."""
    if text not in ROLES:
        raise ValueError(f"is none of {', '.join(ROLES)}")
    return text


def node(text: str) -> str:
    """The name of a node."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError("is no name of letters, digits, dots and hyphens")
    return text


def node_or_host(text: str) -> str:
    """The name of a node; the machine's where none is given."""
    return node(text) if text else re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:63].lstrip(".-") or "node"


def token(text: str) -> str:
    """The value of a header."""
    if not re.fullmatch(r"(?:[!-~]+ )?[!-~]*", text):
        raise ValueError("is no value of a header in printable ASCII characters")
    return text


def server(text: str) -> str:
    """The URL of a database on a server of PostgreSQL; ``""`` is none."""
    if not text:
        return ""
    parts = urlsplit(text)
    _ = parts.port
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError("does not begin with postgres:// or postgresql://")
    if not parts.hostname and "host=" not in parts.query:
        raise ValueError("names no host")
    if not parts.path.strip("/"):
        raise ValueError("names no database")
    return text


def asked(text: str) -> str:
    """The address of a data source: https, or plain http on this machine only."""
    found = url("http", "https", origin_only=True)(text)
    if found.startswith("http://") and not is_loopback(urlsplit(found).hostname or ""):
        raise ValueError("is plain http to another machine, which nothing protects")
    return found


def is_loopback(host: str) -> bool:
    """True for this machine's own names and addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def email(text: str) -> str:
    """An e-mail address, or none."""
    if text and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+", text):
        raise ValueError("is not an e-mail address")
    return text


def networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Networks, separated by commas."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def without_secret(text: str) -> str:
    """A URL without its password, which has no place in a log."""
    return re.sub(r"(://[^:/@\s]*:)[^/@\s]*@", r"\1***@", text)
