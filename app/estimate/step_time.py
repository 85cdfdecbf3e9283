"""The time of an engine's steps with any number of sequences of any lengths, from the terms of one load. Pure.

The plain prediction gives every request the same lengths. Where they differ, the same terms are read for each token:
the cache per cached token, a prompt per token and per pair of tokens. The browser evaluates the same
(``static/queueing.js``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, sqrt

from app.estimate.inputs import Card, Layout
from app.estimate.memory import most_running, sequences_that_fit, weight_bytes_per_gpu
from app.estimate.shape import Shape
from app.estimate.terms import Terms


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one replica's steps, per token; ``room`` is tokens of KV cache, ``cap`` sequences at once.

    ``prompt_token`` and ``prompt_pair`` are the time for which a prompt holds up the others, per token and per pair of
    tokens; ``lone`` times that, plus ``begin``, plus ``first_request`` for each request in flight, is the time to its
    own first token if nothing is before it. ``draft`` is the time to draft one token. ``kv_token`` is in bytes.
    """

    always: float
    one_expert: float
    experts: int
    miss: float
    routing: float
    token_compute: float
    token_link: float
    hop: float
    fixed: float
    request: float
    pipeline: int
    bubble: float
    data: int
    offset: float
    cache_token: float
    prompt_token: float
    prompt_pair: float
    lone: float
    begin: float
    first_request: float
    room: float
    cap: int
    draft: float
    kv_token: float


def pace(
    t: Terms, shape: Shape, card: Card, layout: Layout, prompt: float, output: float, k: Mapping[str, float]
) -> Pace:  # fmt: skip
    """The steps of the engine whose terms for ``prompt`` and ``output`` tokens are ``t``.

    The cache of a sequence is taken as proportional to its tokens and a prompt's attention to their square, both exact
    at the terms' own lengths. A drafted token takes one layer's share of a step with one token for each sequence, and
    the reading of the output embedding: the drafting heads of EAGLE-3 (arXiv:2503.01840) and of multi-token prediction
    (arXiv:2412.19437, section 2.2) are one layer deep.
    """
    middle = prompt + output / 2
    token = t.token_compute + t.token_link / layout.data
    own = t.first_offset * t.alone / t.prefill
    _, _, head, _ = weight_bytes_per_gpu(shape, layout)
    bandwidth = card.bandwidth * (k["stream_amd"] if card.amd else 1.0) * k["stream"]
    return Pace(
        always=t.always, one_expert=t.one_expert, experts=t.experts, miss=t.miss, routing=k["routing"],
        token_compute=t.token_compute, token_link=t.token_link, hop=t.hop, fixed=t.fixed, request=t.request,
        pipeline=layout.pipeline, bubble=k["bubble"], data=layout.data, offset=t.offset,
        cache_token=t.cache_one / middle,
        prompt_token=t.offset * t.interleave * token,
        prompt_pair=t.offset * t.interleave * max(t.prefill - token * prompt, 0.0) / prompt**2,
        lone=own / (t.offset * t.interleave), begin=t.first_offset * t.begin,
        first_request=t.first_offset * k["first_request"],
        room=sequences_that_fit(card, layout, t.stored, t.sequence, k) * middle,
        cap=int(most_running(layout, card)), draft=t.offset * (t.fixed + t.hop + t.always) / max(shape.layers, 1)
        + t.offset * head * layout.pipeline / bandwidth,
        kv_token=t.sequence * layout.tensor / middle,
    )  # fmt: skip


def step(p: Pace, running: float, cached: float, width: float = 1.0) -> float:
    """Seconds of a step in which ``running`` sequences with ``cached`` tokens in all compute ``width`` tokens each: the
    same sum as in the plain prediction, without prompts. 0 where none runs."""
    if running <= 0:
        return 0.0
    together = max(running / p.pipeline, 1.0)
    rank = max(together / p.data, 1.0)
    hit = p.experts * (1 - exp(p.miss * (together * width) ** p.routing)) if p.miss else float(p.experts)
    read = p.always + p.one_expert * hit
    compute = p.token_compute * together * width
    whole = sqrt(read * read + compute * compute) + p.hop + p.token_link * rank * width + p.fixed + p.request * rank
    gaps = 1 + p.bubble * (min(max(running, 1.0), p.pipeline) - 1)
    return p.offset * gaps * (whole + p.cache_token * cached / running * rank)


def prompt_time(p: Pace, tokens: float, cached: float = 0.0) -> float:
    """Seconds that a prompt of ``tokens`` holds up the others, of which ``cached`` leading ones are in the cache."""
    return p.prompt_token * (tokens - cached) + p.prompt_pair * (tokens * tokens - cached * cached)


def lone_time(p: Pace, tokens: float, cached: float, flight: float) -> float:
    """Seconds from a prompt's turn to its first token, with ``flight`` requests there."""
    return p.lone * prompt_time(p, tokens, cached) + p.begin + p.first_request * flight
