"""How to exercise one's rights, and how to clear what the browser stores."""

from typing import Any

from litestar import Request, Response, post

from app.privacy.requests.rights import RIGHTS, mail_link
from app.site.render import render
from app.web import same_origin
from app.web.answers import Answer, Ask, unkept
from app.web.front import public

HERE = "/privacy/rights"


def _page(settings: Any, *, cleared: bool, **more: Any) -> bytes:
    return render(
        "privacy/rights.html", settings=settings, path=HERE, title="Your rights", cleared=cleared,
        rights=[(right, mail_link(right, settings.contact_email)) for right in RIGHTS], **more,
        description="What each right means under GDPR and CCPA, how to use it, and when you get an answer.",
    )  # fmt: skip


@public(HERE)
async def rights(ask: Ask) -> Answer:
    """What each right means, ready-made mail links, and what to expect."""
    ask.redirect_to_canonical(HERE)
    return Answer(_page(ask.settings, cleared=False, canonical=HERE))


@post("/privacy/rights/clear", status_code=200)
async def clear(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Tell the browser to clear everything that it stores for this site (``Clear-Site-Data``)."""
    settings = request.app.state.settings
    same_origin.refuse_foreign(request.scope, settings)
    return unkept(_page(settings, cleared=True), headers={"clear-site-data": '"cache", "cookies", "storage"'})
