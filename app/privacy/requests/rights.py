"""The rights, one request kind each: what it means, the law it comes from, and the mail that asks for it. Pure."""

from dataclasses import dataclass
from urllib.parse import quote

GDPR, CCPA, ANY = "GDPR", "CCPA", "any law"


@dataclass(frozen=True, slots=True)
class Right:
    """One kind of request. ``asks`` is the sentence of the ready-made mail."""

    kind: str
    title: str
    law: str
    article: str
    means: str
    asks: str

    @property
    def subject(self) -> str:
        return f"Privacy request [{self.kind}]: {self.title}"

    @property
    def body(self) -> str:
        """The mail as it begins, lines ended as mail ends them."""
        laws = "GDPR, UK GDPR, CCPA" if self.law == ANY else self.law
        return f"{self.asks}\r\n\r\nLaw, if you know it ({laws}): \r\n"


RIGHTS: tuple[Right, ...] = (
    Right("access", "Access", GDPR, "Art. 15", "A copy of what we hold about you, and what we do with it.",
          "Please send me what you hold about me."),
    Right("rectification", "Rectification", GDPR, "Art. 16", "What is wrong about you is put right.",
          "Please correct this about me:"),
    Right("erasure", "Erasure", GDPR, "Art. 17",
          "What we hold about you is deleted. You get a certificate that says how much of what went.",
          "Please delete what you hold about me."),
    Right("restriction", "Restriction", GDPR, "Art. 18", "What we hold about you is frozen: kept, and not used.",
          "Please restrict the processing of what you hold about me."),
    Right("portability", "Portability", GDPR, "Art. 20", "What you gave us, as JSON and CSV, to take elsewhere.",
          "Please send me what I gave you in a machine-readable form."),
    Right("objection", "Objection", GDPR, "Art. 21",
          "You say why we should stop using data that rests on our legitimate interest, such as server logs.",
          "I object to the processing of my data for this reason:"),
    Right("withdrawal", "Withdrawal of consent", GDPR, "Art. 7(3)",
          "What you consented to ends: your report leaves every page. What was done before stays lawful.",
          "I withdraw my consent."),
    Right("know", "Know", CCPA, "Cal. Civ. Code § 1798.110",
          "Which personal information we collected about you, why, and with whom it was shared.",
          "Please tell me what personal information you hold about me."),
    Right("delete", "Delete", CCPA, "Cal. Civ. Code § 1798.105", "What we collected from you is deleted.",
          "Please delete the personal information you hold about me."),
    Right("correct", "Correct", CCPA, "Cal. Civ. Code § 1798.106", "What is inaccurate about you is put right.",
          "Please correct this about me:"),
    Right("opt-out", "Opt out of sale or sharing", CCPA, "Cal. Civ. Code § 1798.120",
          "We neither sell nor share personal information; you may put it on record all the same.",
          "Please do not sell or share my personal information."),
    Right("complaint", "Complaint", ANY, "GDPR Art. 77",
          "Tell us what went wrong. You may also complain to the supervisory authority where you live or work, "
          "without asking us first.",
          "I complain about the following:"),
    Right("question", "Question", ANY, "", "Anything else about privacy.", "My question:"),
)  # fmt: skip
"""Every kind of request, in the order of the page."""
KINDS = tuple(right.kind for right in RIGHTS)


def mail_link(right: Right, contact: str) -> str:
    """A ``mailto:`` address with the kind in the subject and the request begun (RFC 6068)."""
    return f"mailto:{quote(contact, safe='@')}?subject={quote(right.subject)}&body={quote(right.body)}"
