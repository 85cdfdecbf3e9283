"""Every setting: read once from the environment, checked, frozen.

``SETTINGS`` below is the whole list: the documentation page and the tests read the same table.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import SettingError

PREFIX = "INFERENCEBENCH_"
PACKAGE = Path(__file__).resolve().parents[1]
HOME = PACKAGE.parent if (PACKAGE.parent / "templates").is_dir() else PACKAGE / "shipped_files"
"""The folder of templates, static files and policies: the checkout's own, or in an installed wheel the package's."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable: its name without the prefix, default, reader, example and meaning."""

    name: str
    default: str
    read: Callable[[str], Any]
    example: str
    meaning: str

    @property
    def variable(self) -> str:
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked values; attributes are the settings' names in lower case."""

    data_dir: Path
    host: str
    port: int
    base_url: str
    database_url: str
    redis_url: str
    policies_dir: Path
    controller_name: str
    contact_email: str
    operator_email: str
    imap_url: str
    smtp_url: str
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    hf_endpoint: str
    edge_purge_url: tuple[str, ...]
    edge_purge_token: str
    role: str
    node: str
    metrics_port: int
    metrics_host: str
    source_keys: Mapping[str, str]
    source_urls: Mapping[str, str]

    @property
    def database_path(self) -> Path:
        """The file of SQLite, which is the database unless ``database_url`` names a server."""
        return self.data_dir / "inferencebench.sqlite"

    @property
    def database(self) -> Path | str:
        """Where the database is: the URL of a server, or the path of a file."""
        return self.database_url or self.database_path

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def keeps_records(self) -> bool:
        """True on the node that takes in what visitors send and keeps what is personal."""
        return self.role != "web"


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError("is a file, not a folder")
    return path.resolve()


def _known_folder(text: str) -> Path:
    path = _folder(text)
    if not path.is_dir():
        raise ValueError("is not a folder that exists")
    return path


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError("is not a port from 1 to 65535")
    return int(text)


def _port_or_none(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _text(text: str) -> str:
    if not text.strip() or any(ord(c) < 32 for c in text):
        raise ValueError("is empty or holds control characters")
    return text.strip()


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise ValueError("is not a host name or address")
    return text


def _url(*schemes: str, optional: bool = False, origin_only: bool = False) -> Callable[[str], str]:
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


def _urls(text: str) -> tuple[str, ...]:
    read = _url("http", "https")
    return tuple(dict.fromkeys(read(part) for part in text.split()))


def _role(text: str) -> str:
    if text not in ROLES:
        raise ValueError(f"is none of {', '.join(ROLES)}")
    return text


def _node(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueError("is no name of letters, digits, dots and hyphens")
    return text


def _node_or_host(text: str) -> str:
    return _node(text) if text else re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:63].lstrip(".-") or "node"


def _token(text: str) -> str:
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


def _asked(text: str) -> str:
    """The address of a data source: https, or plain http on this machine only."""
    found = _url("http", "https", origin_only=True)(text)
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


def _email(text: str) -> str:
    if text and not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+", text):
        raise ValueError("is not an e-mail address")
    return text


def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


ROLES = ("all", "web", "records")
"""A node of its own does everything. Of several, one keeps the records of persons, and the others serve pages."""

SETTINGS: tuple[Setting, ...] = (
    Setting("DATA_DIR", "./data", _folder, "/var/lib/inferencebench", "Folder of everything that is written."),
    Setting("HOST", "127.0.0.1", _host, "0.0.0.0", "Address the web process listens on."),  # noqa: S104
    Setting("PORT", "8000", _port, "8000", "Port the web process listens on."),
    Setting("BASE_URL", "", _url("http", "https", optional=True, origin_only=True), "https://inferencebench.io",
            "Public scheme and host, for links in feeds, sitemap and previews. Default: host and port."),
    Setting("DATABASE_URL", "", server, "postgres://inferencebench:secret@db.example.org/inferencebench",
            "Database on a server of PostgreSQL, version 15 or newer. Default: a file of SQLite in the data folder."),
    Setting("REDIS_URL", "", _url("redis", "rediss", "unix", optional=True), "redis://127.0.0.1:6379/0",
            "Queue of the worker. Default: one that the software brings itself."),
    Setting("POLICIES_DIR", str(HOME / "policies"), _known_folder, str(HOME / "policies"),
            "Folder of the policy documents."),
    Setting("CONTROLLER_NAME", "InferenceBench", _text, "InferenceBench", "Who is responsible for the site."),
    Setting("CONTACT_EMAIL", "privacy@inferencebench.io", _email, "privacy@inferencebench.io",
            "Address for privacy and security questions."),
    Setting("OPERATOR_EMAIL", "", _email, "operator@example.org",
            "Where reminders go. Never the contact address."),
    Setting("IMAP_URL", "", _url("imaps", "imap", optional=True), "imaps://user:secret@mail.example.org:993",
            "Mailbox of the contact address. Default: a Maildir in the data folder."),
    Setting("SMTP_URL", "", _url("smtps", "smtp", optional=True), "smtps://user:secret@mail.example.org:465",
            "Server that sends answers. Default: a Maildir in the data folder."),
    Setting("TRUSTED_PROXIES", "", _networks, "127.0.0.1,10.0.0.0/8",
            "Networks whose forwarded client address is believed."),
    Setting("HF_ENDPOINT", "https://huggingface.co", _asked, "https://huggingface.co",
            "The Hugging Face Hub, or a mirror of it."),
    Setting("EDGE_PURGE_URL", "", _urls, "http://127.0.0.1:6081/",
            "Edge that is told which surrogate keys changed; several are separated by spaces."),
    Setting("EDGE_PURGE_TOKEN", "", _token, "Bearer secret",
            "Sent to the edge as `Authorization` with each purge, so that it purges for nobody else."),
    Setting("ROLE", "all", _role, "web",
            "Of several nodes that share PostgreSQL and Redis: `records` on the one that takes in reports and mail, "
            "`web` on every other."),
    Setting("NODE", "", _node_or_host, "web-1", "Name of this node among several. Default: the machine's name."),
    Setting("METRICS_PORT", "0", _port_or_none, "9100", "Port of the metrics for Prometheus. Default: none."),
    Setting("METRICS_HOST", "127.0.0.1", _host, "10.0.0.5", "Address the metrics are served on."),
)  # fmt: skip

_SOURCE = re.compile(rf"{PREFIX}SOURCE_([A-Z0-9_]+)_(KEY|URL)")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check every setting; raises :class:`SettingError` at the first wrong one."""
    given = os.environ if environment is None else environment
    _refuse_unknown(given)
    values = {s.name.lower(): _read(s, given.get(s.variable, s.default)) for s in SETTINGS}
    values["source_keys"], values["source_urls"] = _sources(given)
    if values["operator_email"] and values["operator_email"].casefold() == values["contact_email"].casefold():
        raise SettingError(
            f"{PREFIX}OPERATOR_EMAIL is the contact address; name another, for example operator@example.org"
        )
    if values["role"] != "all" and not values["redis_url"]:
        raise SettingError(
            f"{PREFIX}ROLE is {values['role']}, and nodes share a queue: set {PREFIX}REDIS_URL on each of them, for "
            f"example {PREFIX}REDIS_URL=redis://10.0.0.5:6379/0"
        )
    values["base_url"] = values["base_url"] or _default_base_url(values["host"], values["port"])
    return Settings(**values)


def _default_base_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _read(setting: Setting, text: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        raise SettingError(
            f"{setting.variable}: {_without_secret(text)!r} {error}; for example {setting.variable}={setting.example}"
        ) from None


def _without_secret(text: str) -> str:
    """A URL without its password, which has no place in a log."""
    return re.sub(r"(://[^:/@\s]*:)[^/@\s]*@", r"\1***@", text)


def _sources(given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    keys: dict[str, str] = {}
    urls: dict[str, str] = {}
    for variable, text in given.items():
        if match := _SOURCE.fullmatch(variable):
            name = match[1].lower()
            if match[2] == "KEY":
                keys[name] = text
            else:
                example = Setting(f"SOURCE_{match[1]}_URL", "", _asked, "https://mirror.example.org", "")
                urls[name] = _read(example, text)
    return keys, urls


def _refuse_unknown(given: Mapping[str, str]) -> None:
    known = {s.variable for s in SETTINGS}
    for variable in given:
        if variable.startswith(PREFIX) and variable not in known and not _SOURCE.fullmatch(variable):
            import difflib

            close = difflib.get_close_matches(variable, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"for example {PREFIX}PORT=8000"
            raise SettingError(f"{variable} is not a setting; {hint}")
