"""Sending queued letters: each is claimed before it is sent, tried a limited number of times, and sent only once."""

import asyncio
import smtplib
import ssl
from email import message_from_bytes
from typing import Any
from urllib.parse import unquote, urlsplit

from app.core import clock, logs
from app.core.errors import DatabaseAwayError
from app.core.setting_readers import is_loopback
from app.core.settings import Settings
from app.privacy.mail import automatic_limits, copy_store, queue, store
from app.privacy.mail.mailbox import OUTBOX, outbox
from app.privacy.requests import cases
from app.storage import scopes
from app.storage.engine import UNAVAILABLE, transaction
from app.upstream.outcome import place_of

TIMEOUT_S, AGAIN_S, TRIES = 30, 300, 50
MARK_TRIES, MARK_AGAIN_S = 40, 1
LATE_TRIES = 3
"""After this many failed tries the operator is told of a letter."""
log = logs.get("mail")


async def deliver(settings: Settings) -> int:
    """Send every letter in the queue; returns how many were sent. Each is tried up to :data:`TRIES` times.

    A letter whose sending was interrupted is sent again with the same Message-ID.
    """
    sent = 0
    await automatic_limits.release(queue.AUTOMATIC_AN_HOUR)
    now = clock.timestamp()
    for one in await store.due(TRIES, now - AGAIN_S, now):
        try:
            letter = await _claim(one)
        except UNAVAILABLE:
            raise
        except Exception as error:  # a damaged row: the next letter goes
            log.error("a letter can't be read", extra={"why": type(error).__name__})
            continue
        if letter is None:
            continue
        try:
            await asyncio.to_thread(_hand_over, settings, one, letter)
        except (OSError, smtplib.SMTPException) as error:
            answer = getattr(error, "smtp_code", None)  # its words may repeat the address
            log.warning(
                "a letter could not be sent",
                extra={
                    "why": type(error).__name__,
                    "code": answer,
                    "reference": letter.reference,
                    "again_in_s": AGAIN_S,
                },
            )
            if letter.tries >= TRIES:
                await _give_up(one, letter.reference)
            continue
        except Exception as error:  # a fault of ours, or of a setting: the letter waits as well, and the next one goes
            log.error(
                "a letter could not be sent",
                extra={"why": f"{type(error).__name__} in {place_of(error)}", "reference": letter.reference},
            )
            if letter.tries >= TRIES:
                await _give_up(one, letter.reference)
            continue
        await _mark_sent(settings, one, letter)
        sent += 1
    return sent


async def _mark_sent(settings: Settings, one: str, letter: store.Letter) -> None:
    """Mark a letter as sent. If the database can't be reached, this waits for it: a letter that is not marked would be
    sent again."""
    for turn in range(MARK_TRIES):
        try:
            async with transaction(cases.CASES_KEY, scope=scopes.CASES):
                await store.mark_sent(one, clock.timestamp())
                if not settings.smtp_url:
                    await copy_store.keep_copy(OUTBOX, one, letter.reference or "", clock.timestamp())
            return
        except DatabaseAwayError:
            if turn == MARK_TRIES - 1:
                raise
            await asyncio.sleep(MARK_AGAIN_S)


async def _claim(one: str) -> store.Letter | None:
    """Take a letter to send, so that nobody else sends it within the wait; None if somebody did."""
    now = clock.timestamp()
    async with transaction(scope=scopes.CASES):
        return await store.claim(one, TRIES, now - AGAIN_S, now)


async def _give_up(one: str, reference: str | None) -> None:
    """Give up a letter that can't be sent; its text is kept in the correspondence, and the case's history tells the
    operator."""
    async with transaction(cases.CASES_KEY, scope=scopes.CASES):
        await store.give_up(one)
        if reference:
            await cases.note(reference, f"a letter could not be sent in {TRIES} tries: answer another way, or again")


def _hand_over(settings: Settings, one: str, letter: store.Letter) -> None:
    """Hand a letter to the mail server, or put it into the outbox Maildir if none is set."""
    if not settings.smtp_url:
        outbox(settings).put(one, letter.message)
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
        envelope = "" if letter.automatic else settings.contact_email
        client.send_message(message_from_bytes(letter.message), from_addr=envelope, to_addrs=[letter.recipient])


async def troubles() -> list[str]:
    """Letters the operator should look at: those waiting long, and those given up."""
    found = []
    late = await store.late(LATE_TRIES, TRIES - 1)
    if late.letters:
        found.append(
            f"{late.letters} letters wait to be sent, tried up to {late.most} times; the worker's log says what the "
            "server answers"
        )
    given_up = await store.given_up(TRIES)
    if given_up:
        found.append(
            f"{given_up} letters could not be sent in {TRIES} tries; inferencebench privacy show tells of each case's"
        )
    return found
