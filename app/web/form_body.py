"""The fields of a posted form: counted before they are read, and read off the event loop."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from app.core.errors import QueryError
from app.web.bodies import BodyError

MOST_FIELDS = 100
"""No form has more; reading a hundred thousand takes a second."""
URL_ENCODED = "application/x-www-form-urlencoded"


async def fields_and_file(request: Request[Any, Any, Any]) -> tuple[dict[str, str], bytes]:
    """The fields, and an uploaded file's bytes. Raises :class:`QueryError` for what is no form, or for none of ours."""
    try:
        if request.content_type[0] == URL_ENCODED:
            body = await request.body()
            if body.count(b"&") >= MOST_FIELDS:
                raise QueryError("body", f"No form here has {MOST_FIELDS} fields.", "Send the fields as the page does.",
                                 status=422)  # fmt: skip
            return await asyncio.to_thread(_url_encoded, body), b""
        file, fields = b"", {}
        for name, value in (await request.form()).items():
            if isinstance(value, UploadFile):
                file = await value.read()
            else:
                fields[str(name)] = str(value)
    except (HTTPException, BodyError, QueryError):
        raise
    except Exception:  # whatever the parser stumbles over is no form
        raise QueryError("body", "This is no form that can be read.", "Send the fields as the page does.") from None
    return fields, file


def _url_encoded(body: bytes) -> dict[str, str]:
    """The last value of each name."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))
