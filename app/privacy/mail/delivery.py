"""Sending what waits: each letter claimed before it is sent, tried a bounded number of times, the same message once
out."""

import asyncio
import smtplib
import ssl
from email import message_from_bytes
from typing import Any
from urllib.parse import unquote, urlsplit

from app.core import clock, logs
from app.core.settings import Settings, is_loopback
from app.privacy.mail import automatic_limits, queue
from app.privacy.mail.mailbox import OUTBOX, outbox
from app.privacy.requests import cases
from app.storage.sqlite import execute, fetch, transaction
from app.upstream.outcome import place_of

TIMEOUT_S, AGAIN_S, TRIES = 30, 300, 50
LATE_TRIES = 3
"""A letter that was tried so often in vain is told to the operator."""
log = logs.get("mail")


async def deliver(settings: Settings) -> int:
    """Send every letter that waits, up to ``TRIES`` times.

    One whose sending was cut off is sent again under the same Message-ID.
    """
    sent = 0
    await automatic_limits.release(queue.AUTOMATIC_AN_HOUR)
    for (one,) in await fetch(
        f"SELECT id FROM mail_out WHERE {_DUE} ORDER BY created_at, id",  # noqa: S608 -- a condition of ours
        *_due_at(clock.timestamp()),
    ):
        claimed = await _claim(one)
        if claimed is None:
            continue
        reference, recipient, automatic, raw, tries = claimed
        try:
            await asyncio.to_thread(_hand_over, settings, one, recipient, bool(automatic), bytes(raw))
        except (OSError, smtplib.SMTPException) as error:
            answer = getattr(error, "smtp_code", None)  # its words may repeat the address
            log.warning(
                "a letter could not be sent",
                extra={"why": type(error).__name__, "code": answer, "reference": reference, "again_in_s": AGAIN_S},
            )
            if tries >= TRIES:
                await _give_up(one, reference)
            continue
        except Exception as error:  # a fault of ours, or of a setting: the letter waits as well, and the next one goes
            log.error(
                "a letter could not be sent",
                extra={"why": f"{type(error).__name__} in {place_of(error)}", "reference": reference},
            )
            if tries >= TRIES:
                await _give_up(one, reference)
            continue
        async with transaction(cases.CASES_KEY):
            await execute("UPDATE mail_out SET sent_at = ?, message = '' WHERE id = ?", clock.timestamp(), one)
            if not settings.smtp_url:
                await execute(
                    "INSERT OR IGNORE INTO mail_copy (place, name, reference, stored_at) VALUES (?, ?, ?, ?)",
                    OUTBOX,
                    one,
                    reference or "",
                    clock.timestamp(),
                )
        sent += 1
    return sent


_DUE = "sent_at IS NULL AND message <> '' AND tries < ? AND (tried_at IS NULL OR tried_at <= ? OR tried_at > ?)"
"""A letter is due where it was not tried within the wait; a try that lies ahead was noted by a clock that ran ahead."""


def _due_at(now: int) -> tuple[int, int, int]:
    return TRIES, now - AGAIN_S, now


async def _claim(one: str) -> tuple[Any, ...] | None:
    """Take a letter to send, so that nobody else sends it within the wait; None if somebody did. (.., tries so far)."""
    now = clock.timestamp()
    async with transaction():
        rows = await fetch(
            f"UPDATE mail_out SET tried_at = ?, tries = tries + 1 WHERE id = ? AND {_DUE} "  # noqa: S608
            "RETURNING reference, recipient, automatic, message, tries", now, one, *_due_at(now),
        )  # fmt: skip
    return rows[0] if rows else None


async def _give_up(one: str, reference: str | None) -> None:
    """Let go of a letter that can't be sent; its text stands in the correspondence, and the operator is told in
    the history."""
    async with transaction(cases.CASES_KEY):
        await execute("UPDATE mail_out SET message = '' WHERE id = ?", one)
        if reference:
            await cases.note(reference, f"a letter could not be sent in {TRIES} tries: answer another way, or again")


def _hand_over(settings: Settings, one: str, recipient: str, automatic: bool, raw: bytes) -> None:
    """Give a letter to the server, or put it into the Maildir."""
    if not settings.smtp_url:
        outbox(settings).put(one, raw)
        return
    parts = urlsplit(settings.smtp_url)
    host = parts.hostname or ""
    context = ssl.create_default_context()
    client: Any
    if parts.scheme == "smtps":
        client = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_S, context=context)
    else:
        client = smtplib.SMTP(host, parts.port or 587, timeout=TIMEOUT_S)
    with client:
        if parts.scheme == "smtp" and not is_loopback(host):
            client.starttls(context=context)
        if parts.username:
            client.login(unquote(parts.username), unquote(parts.password or ""))
        envelope = "" if automatic else settings.contact_email
        client.send_message(message_from_bytes(raw), from_addr=envelope, to_addrs=[recipient])


async def troubles() -> list[str]:
    """What of the letters the operator should look at: those that wait long, those given up."""
    found = []
    late, most = (
        await fetch(
            "SELECT count(*), max(tries) FROM mail_out WHERE sent_at IS NULL AND tries BETWEEN ? AND ?",
            LATE_TRIES,
            TRIES - 1,
        )
    )[0]
    if late:
        found.append(
            f"{late} letters wait to be sent, tried up to {most} times; the worker's log says what the server answers"
        )
    given_up = (await fetch("SELECT count(*) FROM mail_out WHERE sent_at IS NULL AND tries >= ?", TRIES))[0][0]
    if given_up:
        found.append(
            f"{given_up} letters could not be sent in {TRIES} tries; inferencebench privacy show tells of each case's"
        )
    return found
