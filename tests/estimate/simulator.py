"""The judge: an engine, simulated event by event, from the same step times as the formulas.

Continuous batching with chunked prefill as vLLM does it: each step gives every decoding sequence a token and fills what
is left of the step's tokens with prompts, first come, first served. A cap on requests that run; memory in tokens, whose
rest keeps prefixes, the least recently used going first, from their end, in blocks; where a running sequence finds no
memory, the one admitted last gives its place back and computes its tokens again.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

from app.estimate.step_time import Pace, lone_time, prompt_time, step
from app.estimate.terms import CHUNK

BLOCK = 16
SHARED = -1
"""The key of the tokens that all sessions begin with."""


@dataclass(slots=True)
class Request:
    """One request, in seconds and tokens. A ``session`` of 0 or more keeps its tokens for the request that ``follows``
    ``pause`` seconds after the answer; its first ``shared`` tokens are those of every session."""

    at: float
    prompt: int
    output: int
    session: int = -1
    shared: int = 0
    follows: "Request | None" = None
    pause: float = 0.0
    cached: int = 0
    done: int = 0
    made: int = 0
    base: int = 0
    mine: int = 0
    own: float = 0.0
    first: float = -1.0
    lone: float = 0.0
    end: float = -1.0
    place: int = 0
    finish: int = 0
    found: int = 0
    """Leading tokens that a cache holds whatever happens here, without sessions."""

    @property
    def ttft(self) -> float:
        """Seconds: what it waited beyond its own prompt's time in the steps, and what that takes alone."""
        return self.first - self.at - self.own + self.lone

    @property
    def whole(self) -> float:
        """Seconds of the whole answer."""
        return self.end - self.at - self.own + self.lone

    @property
    def each(self) -> float:
        """Seconds per further token, 0 where there is none."""
        return (self.end - self.first) / (self.output - 1) if self.output > 1 else 0.0


@dataclass(slots=True)
class Told:
    """What a run counted: seconds, tokens, and ``area``, the seconds that requests spent in the system."""

    requests: list[Request] = field(default_factory=list)
    busy: float = 0.0
    now: float = 0.0
    area: float = 0.0
    computed: int = 0
    hit: int = 0
    prompts: int = 0
    steps: int = 0
    idle_with_work: int = 0
    most_tokens: float = 0.0
    most_running: int = 0
    again: int = 0
    full: int = 0
    """Requests that waited for a place or for memory."""


class Engine:
    """A replica. ``advance`` tokens are made of each sequence in a step that computes ``width`` of it, and ``extra``
    seconds of a step go to drafting them."""

    def __init__(
        self, pace: Pace, *, chunk: int = CHUNK, width: float = 1.0, advance: float = 1.0, extra: float = 0.0
    ) -> None:
        self.p, self.chunk, self.width, self.advance, self.extra = pace, chunk, width, advance, extra
        self.waiting: deque[Request] = deque()
        self.filling: deque[Request] = deque()
        self.decoding: list[tuple[int, int, Request]] = []
        self.kept: OrderedDict[int, int] = OrderedDict()
        self.keeps = self.used = self.context = 0.0
        self.n = self.count = self.inside = 0
        self.coming: list[tuple[float, int, Request]] = []
        self.told = Told()

    def run(self, requests: Iterable[Request]) -> Told:
        """Serve all ``requests`` and those that follow them."""
        for request in requests:
            self.expect(request)
        while self.coming or self.inside:
            self.arrive()
            self.admit()
            if self.filling:
                self.mixed()
            elif self.n:
                self.decode()
            else:
                self.told.idle_with_work += bool(self.waiting)
                self.until(self.coming[0][0])
        return self.told

    def expect(self, request: Request) -> None:
        """``request`` will come at its time."""
        self.count += 1
        heapq.heappush(self.coming, (request.at, self.count, request))

    def arrive(self) -> None:
        """Requests whose time has come wait."""
        while self.coming and self.coming[0][0] <= self.told.now:
            request = heapq.heappop(self.coming)[2]
            request.mine = request.prompt
            self.told.area += self.told.now - request.at
            self.waiting.append(request)
            self.inside += 1

    def until(self, when: float) -> None:
        """Time goes on."""
        self.told.area += self.inside * (when - self.told.now)
        self.told.now = when

    def make_room(self, wanted: float) -> None:
        """Forget prefixes until ``wanted`` tokens more fit. What every session begins with stays while any runs."""
        over = self.used + self.keeps + wanted - self.p.room
        while over > 0 and self.kept:
            key, held = next(iter(self.kept.items()))
            if key == SHARED and self.inside:
                self.kept.move_to_end(key)
                if len(self.kept) == 1:
                    return
                continue
            gone = min(held, ceil(over / BLOCK) * BLOCK)
            self.keeps -= gone
            over -= gone
            if gone < held:
                self.kept[key] = held - gone
            else:
                del self.kept[key]

    def reuse(self, request: Request) -> int:
        """Leading tokens of a prompt that are in the cache, taken into use; at least one is computed."""
        if request.session < 0:
            return request.found
        shared = request.shared if self.kept.get(SHARED, 0) >= request.shared else 0
        if shared < request.shared:
            return 0
        if shared:
            self.kept.move_to_end(SHARED)
            request.mine -= shared
        own = min(self.kept.get(request.session, 0), (request.prompt - 1 - shared) // BLOCK * BLOCK)
        self.keeps -= self.kept.pop(request.session, 0)
        return shared + max(own, 0)

    def share(self, request: Request) -> None:
        """What every session begins with is in the cache from the first prompt on."""
        if request.session >= 0 and request.shared and SHARED not in self.kept:
            self.kept[SHARED] = request.shared
            self.keeps += request.shared
            self.used -= request.shared
            request.mine -= request.shared

    def keep(self, request: Request) -> None:
        """A finished request's tokens stay until others need the memory."""
        if request.session >= 0:
            held = (request.prompt + request.output - request.shared) // BLOCK * BLOCK
            self.kept[request.session] = held
            self.keeps += held
            self.make_room(0)

    def admit(self) -> None:
        """Waiting requests get a slot while there are free slots and memory."""
        while self.waiting:
            request = self.waiting[0]
            no_place = len(self.filling) + self.n >= self.p.cap
            if no_place or (self.used + request.mine + request.made > self.p.room and (self.n or self.filling)):
                self.told.full += request.finish == 0
                request.finish = -1  # counted once
                return
            self.waiting.popleft()
            if request.first < 0:
                request.cached = self.reuse(request)
                self.told.hit += request.cached
                self.told.prompts += request.prompt
            request.done = request.cached if request.first < 0 else request.prompt - request.mine
            self.make_room(request.mine + request.made)
            self.used += request.mine + request.made
            self.count += 1
            request.place = self.count
            self.filling.append(request)
            self.told.most_tokens = max(self.told.most_tokens, self.used + self.keeps)

    def mixed(self) -> None:
        """A step that computes tokens of prompts too."""
        told, left, work, whole = self.told, max(self.chunk - ceil(self.n * self.width), BLOCK), 0.0, []
        while self.filling and left:
            request = self.filling[0]
            goal = request.prompt + request.made
            part = min(left, goal - request.done)
            took = prompt_time(self.p, request.done + part, request.done)
            work += took
            left -= part
            request.done += part
            told.computed += part
            if request.first < 0:
                request.own += took
            else:
                told.again += part
            if request.done == goal:
                whole.append(self.filling.popleft())
        self.step(1, work)
        for request in whole:
            self.share(request)
            if request.first < 0:
                request.first = told.now
                request.lone = lone_time(self.p, request.prompt, request.cached, self.inside)
                request.made = 1
                self.used += 1
            self.start(request)

    def steps_of(self, request: Request) -> int:
        """Steps that a sequence decodes for from where it starts."""
        return ceil((request.output - request.base) / self.advance)

    def start(self, request: Request) -> None:
        """A sequence decodes from the next step on."""
        request.base = request.made
        if request.output <= request.made:
            self.finish(request)
            return
        request.finish = self.told.steps + self.steps_of(request)
        self.n += 1
        self.told.most_running = max(self.told.most_running, self.n + len(self.filling))
        self.context += request.prompt + request.made
        heapq.heappush(self.decoding, (request.finish, request.place, request))

    def leave(self, request: Request, made: int) -> None:
        """A sequence stops decoding with ``made`` tokens; what its steps counted is set right."""
        grown = (self.told.steps - request.finish + self.steps_of(request)) * self.advance
        self.n -= 1
        self.context -= request.prompt + request.base + grown
        self.used -= grown - (made - request.base)
        request.made = made

    def finish(self, request: Request) -> None:
        """A request is answered."""
        request.end = self.told.now
        self.inside -= 1
        self.used -= request.mine + request.output
        self.told.requests.append(request)
        self.keep(request)
        if request.follows:
            request.follows.at = request.end + request.pause
            self.expect(request.follows)

    def preempt(self) -> None:
        """The sequence admitted last gives its place back."""
        entry = max(self.decoding, key=lambda one: one[1])
        self.decoding.remove(entry)
        heapq.heapify(self.decoding)
        request = entry[2]
        steps = self.told.steps - request.finish + self.steps_of(request)
        self.leave(request, min(request.base + int(steps * self.advance), request.output - 1))
        self.used -= request.mine + request.made
        request.finish = -1
        self.waiting.appendleft(request)

    def seconds(self) -> tuple[float, float]:
        """Of the next step without prompts, and how much longer each further one takes as the cache grows."""
        if not self.n:
            return 0.0, 0.0
        now = step(self.p, self.n, self.context, self.width)
        grows = step(self.p, self.n, self.context + self.n * self.advance, self.width) - now
        return now + self.extra, grows

    def step(self, times: int, work: float = 0.0) -> None:
        """``times`` steps that differ by the growing cache alone, with ``work`` seconds of prompts in all."""
        now, grows = self.seconds()
        took = work + times * now + grows * times * (times - 1) / 2
        self.told.busy += took
        self.until(self.told.now + took)
        self.told.steps += times
        self.used += self.n * self.advance * times
        self.context += self.n * self.advance * times
        while self.decoding and self.decoding[0][0] <= self.told.steps:
            request = heapq.heappop(self.decoding)[2]
            self.leave(request, request.output)
            self.finish(request)
        self.make_room(0)
        while self.used > self.p.room and self.n > 1:
            self.preempt()

    def decode(self) -> None:
        """Steps of decoding alone, up to the one in which a request comes, ends, or finds no memory."""
        times = self.decoding[0][0] - self.told.steps
        if self.n > 1:
            times = min(times, max(int((self.p.room - self.used) // (self.n * self.advance)) + 1, 1))
        if self.coming and not self.waiting:
            left = self.coming[0][0] - self.told.now
            now, grows = self.seconds()
            low, high = 1, times
            while low < high:
                middle = (low + high) // 2
                if middle * now + grows * middle * (middle - 1) / 2 >= left:
                    high = middle
                else:
                    low = middle + 1
            times = low
        self.step(times)
