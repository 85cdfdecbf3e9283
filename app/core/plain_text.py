"""Text from elsewhere, made fit for where it goes. Pure."""


def one_line(text: object, most: int) -> str:
    """One printable line of at most ``most`` characters: what can't be seen, commands a terminal or turns the direction
    of reading becomes a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:most]


def visible(text: str) -> str:
    """The text for a terminal: lines stay lines, and any other character that can't be printed is written as its
    escape, such as ``\\x1b``, so that nothing in it is a command."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
