"""The one format for each kind of figure: pages, feeds and commands use these functions. Pure."""

MINUS = "\N{MINUS SIGN}"


def _true_minus(text: str) -> str:
    return text.replace("-", MINUS)


def percent(share: float, places: int = 0, *, signed: bool = False) -> str:
    """A share: 0.084 is ``8%``, or ``8.4%`` with one place; ``signed`` adds ``+`` or a true minus sign."""
    said = f"{100 * share:{'+' if signed else ''}.{places}f}"
    if not float(said):
        said = said.lstrip("+-")
    return _true_minus(said) + "%"


def chance(share: float, *, at_most: bool = False) -> str:
    """A chance in a column: ``83%``, ``>99%``, ``<1%``; ``≤17%`` where it is an upper bound."""
    if 0.995 <= share < 1 and not at_most:
        return ">99%"
    if share < 0.005 and (share or at_most):
        return "<1%"
    return ("≤" if at_most else "") + percent(share)


def reclaim_band(low: int, high: int | None, hours: int) -> str:
    """How often spot is taken back, for a column: ``5–10%/mo``, ``<5%/mo``, ``>20%/h``."""
    per = {730: "/mo", 1: "/h"}.get(hours, f"/{hours} h")
    if high is None:
        return f">{low}%{per}"
    return f"<{high}%{per}" if not low else f"{low}–{high}%{per}"


def number(value: float, digits: int = 6) -> str:
    """A number with ``digits`` significant digits, grouped in threes, without trailing zeros: ``2,450``, ``0.8``,
    ``−3.5``. Very small and very large numbers keep their power of ten: ``6e−05``."""
    rounded = float(f"{value:.{digits}g}")
    if rounded and not 1e-4 <= abs(rounded) < 1e15:
        return _true_minus(f"{rounded:g}")
    text = f"{rounded:,.{digits + 4}f}".rstrip("0").rstrip(".")
    return _true_minus(text)


def fixed(value: float, places: int = 0) -> str:
    """A number with ``places`` decimal places, for columns of figures that should line up: ``1.10``, ``12,000``."""
    return _true_minus(f"{value:,.{places}f}")


def dollars(value: float) -> str:
    """A computed cost: ``$11,651``, ``$2.40``, ``$0.825``. Prices themselves are formatted by ``app.core.money``."""
    if abs(value) >= 1000:
        return f"${fixed(value)}"
    return f"${fixed(value, 2)}" if abs(value) >= 1 else f"${number(value, 3)}"
