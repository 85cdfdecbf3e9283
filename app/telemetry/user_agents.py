"""The browser and operating-system families named in a user-agent header; the header itself is not kept."""

LONGEST = 400


def families(user_agent: str) -> tuple[str, str]:
    """(browser family, operating-system family), such as ``("Firefox", "Ubuntu")``; ``-`` if unknown."""
    from ua_parser import parse  # takes 0.1 s to load: in the log's thread, not at startup

    if not user_agent:
        return "-", "-"
    found = parse(user_agent[:LONGEST])
    browser = found.user_agent.family if found.user_agent else "-"
    system = found.os.family if found.os else "-"
    return browser, system
