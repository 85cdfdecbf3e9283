"""The image beside a shared link: 1200 × 630 pixels, drawn with Pillow and its bundled font."""

import asyncio
import io
from typing import Any

SIZE = (1200, 630)
PAPER, INK, MUTED, AMBER = "#fbfaf5", "#14181d", "#5a616b", "#ffc53d"


async def draw(title: str, line: str, price: str) -> bytes:
    """A PNG with a title, a line of facts and, if there is one, a price. Drawn off the event loop."""
    return await asyncio.to_thread(_draw, title, line, price)


def _draw(title: str, line: str, price: str) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, SIZE[0], 96), fill=INK)
    for x, height in ((64, 16), (84, 28), (104, 40), (124, 12)):
        pen.rectangle((x, 68 - height, x + 10, 68), fill=AMBER if x == 124 else PAPER)
    pen.text((160, 28), "InferenceBench", font=font(38), fill=PAPER)
    y = 170
    for row in _wrapped(pen, title, 1070, font(84)):
        pen.text((64, y), row, font=font(84), fill=INK)
        y += 104
    pen.text((64, y + 16), line, font=font(40), fill=MUTED)
    if price:
        pen.rectangle((64, y + 92, 72, y + 152), fill=AMBER)
        pen.text((96, y + 96), price, font=font(44), fill=INK)
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _wrapped(pen: Any, text: str, width: int, font: Any) -> list[str]:
    rows = [""]
    for word in text.split():
        wider = f"{rows[-1]} {word}".strip()
        if pen.textlength(wider, font=font) <= width or not rows[-1]:
            rows[-1] = wider
        else:
            rows.append(word)
    return rows[:3]
