"""The family of the browser and the operating system, from a user-agent header that is not kept."""

LONGEST = 400


def families(user_agent: str) -> tuple[str, str]:
    """(browser family, operating-system family), such as ``("Firefox", "Ubuntu")``; ``-`` where it is not known."""
    from ua_parser import parse  # 0.1 s to load: in the log's thread, not at the start

    if not user_agent:
        return "-", "-"
    found = parse(user_agent[:LONGEST])
    browser = found.user_agent.family if found.user_agent else "-"
    system = found.os.family if found.os else "-"
    return browser, system
