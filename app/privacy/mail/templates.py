"""The letters we send: plain text that quotes nothing, with headers that prevent mail loops. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from app.privacy.mail import identifiers
from app.privacy.requests.request import IDENTITY, OTHER, UNSURE
from app.privacy.requests.rights import CCPA

SUBJECT = "Your privacy request"
"""How the subject of each letter about a case begins; its reference follows."""
SIGNED = "\n\nThis is {site}. Privacy questions: {contact}\n"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """The sender: address, the site's name and its host, from the settings."""

    contact: str
    site: str
    host: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to be sent. Automatic ones are marked as such and have no return address on the envelope."""

    id: str
    recipient: str
    subject: str
    text: str
    automatic: bool
    answers: str = ""
    attachment: tuple[str, bytes] | None = None


def composed(letter: Letter, head: Letterhead, now: int) -> bytes:
    """The message as bytes. Whatever comes from a received mail is checked again; raises :class:`ValueError` if the
    recipient is no address."""
    if not identifiers.address(letter.recipient):
        raise ValueError("the recipient is no address that can be written to")
    answers = identifiers.message_id(letter.answers)
    message = EmailMessage(policy=SMTP)
    message["From"] = head.contact
    message["To"] = letter.recipient
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{letter.id}@{head.host}>"
    if answers:
        message["In-Reply-To"] = f"<{answers}>"
        message["References"] = f"<{answers}>"
    if letter.automatic:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text + SIGNED.format(site=head.site, contact=head.contact))
    if letter.attachment:
        name, data = letter.attachment
        message.add_attachment(data, maintype="application", subtype="zip", filename=name)
    return message.as_bytes()


def day(at: int) -> str:
    """An instant (seconds) as a day for a reader: ``24 December 2026``."""
    found = datetime.fromtimestamp(at, UTC)
    return f"{found.day} {found:%B %Y}"


def acknowledgement(reference: str, kind: str, law: str, due: int, code: str, left_out: str) -> str:
    """The acknowledgement: what happens next, by when (``due``, seconds), and the code if identity has to be
    verified."""
    days = "45 days (CCPA)" if law == CCPA else "30 days" if law == OTHER else "30 days (GDPR)"
    lines = [
        (
            f"Your message has arrived. Its reference is {reference}; please keep it in the subject of what you write "
            "about it."
        ),
        "",
        (f"You get an answer by {day(due)}, which is within {days} of its arrival. {_filed(kind)}"),
    ]
    if code:
        lines += [
            "", ("So that nobody else does this in your name, please confirm that this address is yours: reply to this "
                "mail and write the code below into your reply. It works once."),
            "", f"    {code}", "", ("Until then nothing personal is sent, changed or erased. If you did not write to "
                                   "us, do nothing."),
        ]  # fmt: skip
    elif kind not in IDENTITY:
        lines += ["", "You need to do nothing more."]
    if left_out:
        lines += [
            "",
            f"Part of your message could not be kept ({left_out}). Please send what matters as plain text.",
        ]
    return "\n".join(lines)


def _filed(kind: str) -> str:
    """What we take the message to ask for, and what to do should it be something else."""
    if kind == UNSURE:
        return (
            "We are not sure what you ask for: somebody reads it. It helps if you reply and say it in one sentence, "
            "such as: please send me what you hold about me."
        )
    return f"It was filed as: {kind}. Should that be wrong, just reply and say so."


def confirmed(reference: str, due: int) -> str:
    """The letter after a right code."""
    return (
        "Thank you: the code was right, so we know that this address is yours. We now carry out your request"
        f" {reference} and answer by {day(due)}."
    )


def quoted_only(reference: str) -> str:
    """The letter after a reply with the code in quoted text only."""
    return (
        f"Your reply about {reference} has arrived. The code stands only in the text that your mail program quoted, "
        "which can happen without you doing anything. If the request is yours, please reply once more and write the "
        "code itself above the quoted text. If not, do nothing."
    )


def refused(reference: str, reason: str) -> str:
    """The letter of a refusal: its reason, and where the person may turn (GDPR Art. 12(4))."""
    return (
        f"We do not do what your request {reference} asks for. The reason: {reason}\n\n"
        "You may complain to the supervisory authority where you live or work, or seek a judicial remedy. Should the "
        "reason be mistaken, reply to this mail and say why."
    )


def reminder(rows: list[tuple[str, str, int, int]], now: int) -> str:
    """The reminder to the operator; rows are (reference, kind, deadline in seconds, days left)."""
    lines = ["These privacy requests are waiting for an answer:", ""]
    for reference, kind, due, left in rows:
        when = "overdue" if due < now else "due today" if left == 0 else f"{left} days left"
        lines.append(f"  {reference}  {kind}  due {day(due)}: {when}")
    return "\n".join([*lines, "", "inferencebench privacy show REFERENCE shows more."])


def certificate(reference: str, counts: list[tuple[str, int]], kept: list[str], at: int) -> str:
    """The certificate of an erasure: what was deleted, by kind and number only, and what is kept and why."""
    lines = [f"Certificate of erasure, request {reference}, {day(at)}.", "", "Deleted:"]
    lines += [f"  {what}: {count}" for what, count in counts] or ["  nothing was held"]
    return "\n".join([*lines, "", "Kept:", *(f"  {line}" for line in kept)])
