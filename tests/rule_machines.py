"""How long Hypothesis's rule machines run: briefly in the suite, and any length in a soak run."""

import os

from hypothesis import HealthCheck, Phase, settings

SOAK = int(os.environ.get("SOAK", "1"))
"""How many times as many sequences as in the suite; ``SOAK=200 make test ARGS="-k machine
--hypothesis-profile=explore"``."""


def rule_machine_settings(sequences: int, steps: int = 30) -> settings:
    """Settings of a rule machine: ``sequences`` random sequences of at most ``steps`` steps, times ``SOAK``."""
    return settings(
        max_examples=sequences * SOAK,
        stateful_step_count=steps,
        deadline=None,
        phases=(Phase.reuse, Phase.generate),  # a failing sequence is printed as it was: shrinking one takes minutes
        suppress_health_check=list(HealthCheck),
    )
