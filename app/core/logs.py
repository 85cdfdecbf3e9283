"""Structured logs: one JSON line per event, on stderr, without addresses, queries or personal data."""

import logging
import sys


def configure() -> None:
    """Send every log, including the libraries', to stderr as JSON lines with the time in UTC."""
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler(sys.stderr)
    names = {"levelname": "level", "name": "area", "message": "event"}
    handler.setFormatter(JsonFormatter("{levelname}{name}{message}", style="{", rename_fields=names, timestamp=True))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in (
        "httpx",
        "httpcore",
        "httpx2",
        "httpcore2",
        "asyncio",
        "aiosqlite",
        "PIL",
        "arq.worker",
        "huggingface_hub",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get(area: str) -> logging.Logger:
    """The log for one area of the software; further fields of an event go into ``extra``."""
    return logging.getLogger(f"inferencebench.{area}")
