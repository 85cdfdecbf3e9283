"""Structured logs: one JSON line an event, to stderr, without addresses, queries or personal data."""

import logging
import sys


def configure() -> None:
    """Send every log, the libraries' too, to stderr as JSON lines with a UTC time."""
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
    """The log of one area of the software; further fields of an event go into ``extra``."""
    return logging.getLogger(f"inferencebench.{area}")
