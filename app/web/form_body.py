"""The fields of a posted form: counted before they are parsed, and parsed off the event loop."""

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from app.core.errors import QueryError
from app.web.bodies import BodyError

MOST_FIELDS = 100
"""No form has more fields; parsing a hundred thousand takes a second."""
URL_ENCODED = "application/x-www-form-urlencoded"


async def fields_and_file(request: Request[Any, Any, Any]) -> tuple[dict[str, str], bytes]:
    """(fields, bytes of an uploaded file). Raises :class:`QueryError` if the body is not a form, or not one of ours."""
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
    except Exception:  # whatever the parser fails on is not a form
        raise QueryError("body", "This form can't be read.", "Send the fields as the page does.") from None
    return fields, file


def _url_encoded(body: bytes) -> dict[str, str]:
    """The last value of each name; a part without a name or a value has an empty one."""
    parts = (part.partition(b"=") for part in body.split(b"&") if part)
    return {_unescaped(name): _unescaped(value) for name, _, value in parts}


SLICE = 16_384
"""Bytes that are unescaped at a time: meanwhile, each escape takes a hundred times its length in memory."""


def _unescaped(text: bytes) -> str:
    text, whole, at = text.replace(b"+", b" "), bytearray(), 0
    while at < len(text):
        end = min(len(text), at + SLICE)
        if end < len(text) and (escape := text.rfind(b"%", end - 2, end)) >= 0:
            end = escape  # never split an escape
        whole += unquote_to_bytes(text[at:end])
        at = end
    return whole.decode("utf-8", "replace")
