// An engine, simulated event by event, for loads that the formulas do not tell well: tests/estimate/simulator.py, line
// by line; a test compares both. A worker, loaded when asked for; numbers come in and go out, to the page alone.

const BLOCK = 16, SHARED = -1;

// A heap by the first two numbers of its entries
class Heap {
  constructor() { this.rows = []; }
  get size() { return this.rows.length; }
  get first() { return this.rows[0]; }
  before(a, b) { return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]); }
  push(row) {
    const { rows } = this;
    let at = rows.push(row) - 1;
    while (at && this.before(row, rows[(at - 1) >> 1])) { rows[at] = rows[(at - 1) >> 1]; at = (at - 1) >> 1; }
    rows[at] = row;
  }
  pop() {
    const { rows } = this, [top] = rows, last = rows.pop();
    if (rows.length) this.sink(last, 0);
    return top;
  }
  sink(row, from) {
    const { rows } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= rows.length) break;
      if (child + 1 < rows.length && this.before(rows[child + 1], rows[child])) child++;
      if (!this.before(rows[child], row)) break;
      rows[at] = rows[child];
      at = child;
    }
    rows[at] = row;
  }
  takeLast() {
    let found = 0;
    for (let i = 1; i < this.rows.length; i++) if (this.rows[i][1] > this.rows[found][1]) found = i;
    const [row] = this.rows.splice(found, 1), rest = this.rows;
    this.rows = [];
    for (const one of rest) this.push(one);
    return row;
  }
}

export const request = (at, prompt, output, session = -1, shared = 0, follows = null, pause = 0) => ({ at, prompt,
  output, session, shared, follows, pause, cached: 0, done: 0, made: 0, base: 0, mine: 0, own: 0, first: -1, lone: 0,
  end: -1, place: 0, finish: 0, found: 0 });
export const ttftOf = (r) => r.first - r.at - r.own + r.lone;
export const wholeOf = (r) => r.end - r.at - r.own + r.lone;
export const eachOf = (r) => r.output > 1 ? (r.end - r.first) / (r.output - 1) : 0;

export class Engine {
  // `Q` is the module queueing.js
  constructor(Q, p, { chunk = Q.CHUNK, width = 1, advance = 1, extra = 0 } = {}) {
    Object.assign(this, { Q, p, chunk, width, advance, extra, waiting: [], filling: [], decoding: new Heap(),
      kept: new Map(), keeps: 0, used: 0, context: 0, n: 0, count: 0, inside: 0, coming: new Heap(),
      told: { requests: [], now: 0, busy: 0, computed: 0, hit: 0, prompts: 0, steps: 0, full: 0, again: 0 } });
  }

  run(requests, tell = () => {}) {
    for (const one of requests) this.expect(one);
    let beat = 0;
    while (this.coming.size || this.inside) {
      if (++beat % 20000 === 0) tell(this.told.requests.length);
      this.arrive();
      this.admit();
      if (this.filling.length) this.mixed();
      else if (this.n) this.decode();
      else this.told.now = this.coming.first[0];
    }
    return this.told;
  }

  expect(one) { this.coming.push([one.at, ++this.count, one]); }

  arrive() {
    while (this.coming.size && this.coming.first[0] <= this.told.now) {
      const one = this.coming.pop()[2];
      one.mine = one.prompt;
      this.waiting.push(one);
      this.inside++;
    }
  }

  touch(key, held) { this.kept.delete(key); this.kept.set(key, held); }

  makeRoom(wanted) {
    let over = this.used + this.keeps + wanted - this.p.room;
    while (over > 0 && this.kept.size) {
      const [key, held] = this.kept.entries().next().value;
      if (key === SHARED && this.inside) {
        this.touch(key, held);
        if (this.kept.size === 1) return;
        continue;
      }
      const gone = Math.min(held, Math.ceil(over / BLOCK) * BLOCK);
      this.keeps -= gone;
      over -= gone;
      if (gone < held) this.kept.set(key, held - gone); else this.kept.delete(key);
    }
  }

  reuse(one) {
    if (one.session < 0) return one.found;
    const shared = (this.kept.get(SHARED) ?? 0) >= one.shared ? one.shared : 0;
    if (shared < one.shared) return 0;
    if (shared) { this.touch(SHARED, this.kept.get(SHARED)); one.mine -= shared; }
    const held = this.kept.get(one.session) ?? 0;
    const own = Math.min(held, Math.floor((one.prompt - 1 - shared) / BLOCK) * BLOCK);
    this.keeps -= held;
    this.kept.delete(one.session);
    return shared + Math.max(own, 0);
  }

  share(one) {
    if (one.session < 0 || !one.shared || this.kept.has(SHARED)) return;
    this.kept.set(SHARED, one.shared);
    this.keeps += one.shared;
    this.used -= one.shared;
    one.mine -= one.shared;
  }

  keep(one) {
    if (one.session < 0) return;
    const held = Math.floor((one.prompt + one.output - one.shared) / BLOCK) * BLOCK;
    this.touch(one.session, held);
    this.keeps += held;
    this.makeRoom(0);
  }

  admit() {
    while (this.waiting.length) {
      const [one] = this.waiting, noPlace = this.filling.length + this.n >= this.p.cap;
      if (noPlace || (this.used + one.mine + one.made > this.p.room && (this.n || this.filling.length))) {
        if (one.finish === 0) this.told.full++;
        one.finish = -1;
        return;
      }
      this.waiting.shift();
      if (one.first < 0) {
        one.cached = this.reuse(one);
        this.told.hit += one.cached;
        this.told.prompts += one.prompt;
      }
      one.done = one.first < 0 ? one.cached : one.prompt - one.mine;
      this.makeRoom(one.mine + one.made);
      this.used += one.mine + one.made;
      one.place = ++this.count;
      this.filling.push(one);
    }
  }

  mixed() {
    const { told } = this, whole = [];
    let left = Math.max(this.chunk - Math.ceil(this.n * this.width), BLOCK), work = 0;
    while (this.filling.length && left) {
      const [one] = this.filling, goal = one.prompt + one.made, part = Math.min(left, goal - one.done);
      const took = this.Q.promptTime(this.p, one.done + part, one.done);
      work += took;
      left -= part;
      one.done += part;
      told.computed += part;
      if (one.first < 0) one.own += took; else told.again += part;
      if (one.done === goal) whole.push(this.filling.shift());
    }
    this.step(1, work);
    for (const one of whole) {
      this.share(one);
      if (one.first < 0) {
        one.first = told.now;
        one.lone = this.Q.loneTime(this.p, one.prompt, one.cached, this.inside);
        one.made = 1;
        this.used += 1;
      }
      this.start(one);
    }
  }

  stepsOf(one) { return Math.ceil((one.output - one.base) / this.advance); }

  start(one) {
    one.base = one.made;
    if (one.output <= one.made) { this.finish(one); return; }
    one.finish = this.told.steps + this.stepsOf(one);
    this.n++;
    this.context += one.prompt + one.made;
    this.decoding.push([one.finish, one.place, one]);
  }

  leave(one, made) {
    const grown = (this.told.steps - one.finish + this.stepsOf(one)) * this.advance;
    this.n--;
    this.context -= one.prompt + one.base + grown;
    this.used -= grown - (made - one.base);
    one.made = made;
  }

  finish(one) {
    one.end = this.told.now;
    this.inside--;
    this.used -= one.mine + one.output;
    this.told.requests.push(one);
    this.keep(one);
    if (one.follows) { one.follows.at = one.end + one.pause; this.expect(one.follows); }
  }

  preempt() {
    const one = this.decoding.takeLast()[2], steps = this.told.steps - one.finish + this.stepsOf(one);
    this.leave(one, Math.min(one.base + Math.floor(steps * this.advance), one.output - 1));
    this.used -= one.mine + one.made;
    one.finish = -1;
    this.waiting.unshift(one);
  }

  seconds() {
    if (!this.n) return [0, 0];
    const now = this.Q.step(this.p, this.n, this.context, this.width);
    return [now + this.extra, this.Q.step(this.p, this.n, this.context + this.n * this.advance, this.width) - now];
  }

  step(times, work = 0) {
    const [now, grows] = this.seconds(), took = work + times * now + grows * times * (times - 1) / 2;
    this.told.busy += took;
    this.told.now += took;
    this.told.steps += times;
    this.used += this.n * this.advance * times;
    this.context += this.n * this.advance * times;
    while (this.decoding.size && this.decoding.first[0] <= this.told.steps) {
      const one = this.decoding.pop()[2];
      this.leave(one, one.output);
      this.finish(one);
    }
    this.makeRoom(0);
    while (this.used > this.p.room && this.n > 1) this.preempt();
  }

  decode() {
    let times = this.decoding.first[0] - this.told.steps;
    if (this.n > 1) {
      times = Math.min(times, Math.max(Math.floor((this.p.room - this.used) / (this.n * this.advance)) + 1, 1));
    }
    if (this.coming.size && !this.waiting.length) {
      const left = this.coming.first[0] - this.told.now, [now, grows] = this.seconds();
      let low = 1, high = times;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (middle * now + grows * middle * (middle - 1) / 2 >= left) high = middle; else low = middle + 1;
      }
      times = low;
    }
    this.step(times);
  }
}

// Random numbers that are the same every time: Mulberry32
const randoms = (seed) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

// Gaps of a gamma distribution with mean 1 and variance `c`: Marsaglia and Tsang, ACM TOMS 26, 2000
const gaps = (random, c) => {
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const shape = 1 / c, d = (shape < 1 ? shape + 1 : shape) - 1 / 3, e = 1 / Math.sqrt(9 * d);
  return () => {
    if (c === 1) return -Math.log(1 - random());
    for (;;) {
      const x = normal(), v = (1 + e * x) ** 3;
      if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
        return d * v * (shape < 1 ? (1 - random()) ** (1 / shape) : 1) / shape;
      }
    }
  };
};

const BASE = 4000, MOST = 20000, RUNS = 10, MOST_REPLICAS = 400;
const at = (values, share) => values.sort((a, b) => a - b)[Math.min(Math.floor(values.length * share),
  values.length - 1)];

// What is seen with `count` replicas: quantiles in seconds, and how much of the prompts the cache held
export const simulated = (Q, { pace, base, agents, added, outputs, rate, burst, running }, count, tell = () => {}) => {
  const random = randoms(count), turns = agents?.turns ?? 1, each = rate / count;
  const shared = Math.round(agents?.shared ?? 0);
  const gap = gaps(random, burst), of = (points) => Math.max(Math.round(Q.quantile(points, random())), 1);
  const lasting = agents ? 4 * each * agents.pause * turns : 0, all = [];
  const requests = Math.round(Math.min(Math.max(BASE, 60 * running, lasting), MOST));
  let now = 0;
  for (let session = 0; session * turns < requests; session++) {
    now += gap() * turns / each;
    let one = request(now, shared + of(added), of(outputs), agents ? session : -1, shared);
    all.push(one);
    for (let i = 1; i < turns; i++) {
      one.pause = -Math.log(1 - random()) * agents.pause;
      one.follows = request(0, one.prompt + one.output + of(added), of(outputs), session, shared);
      one = one.follows;
    }
  }
  const share = agents ? 0 : base.prompts.reduce((sum, [t, c, w]) => sum + c / t * w, 0);
  for (const one of all) if (share) one.found = Math.floor(one.prompt * share);
  const engine = new Engine(Q, pace, { width: base.width, advance: base.advance, extra: base.extra });
  const told = engine.run(all, (done) => tell(done / requests)), from = now * (agents ? 0.3 : 0.1);
  const kept = told.requests.filter((r) => r.at >= from && (!agents || r.at <= now));
  const two = (values) => [at(values, 0.5), at(values, 0.95)], further = kept.filter((r) => r.output > 1);
  const whole = kept.reduce((sum, r) => sum + r.prompt, 0);
  return { requests: told.requests.length, ttft: two(kept.map(ttftOf)), whole: two(kept.map(wholeOf)),
    each: further.length ? two(further.map(eachOf)) : [0, 0],
    cached: kept.reduce((sum, r) => sum + r.cached, 0) / whole };
};

// The fewest replicas that hold the limits, sought from what the formulas say: { count, found }, or a count of 0
export const search = (see, [ttft, each], from, least) => {
  const good = (found) => found.ttft[1] <= ttft && found.each[1] <= each;
  let count = from, best = null, step = 1, low = least - 1;
  for (let run = 0; run < RUNS && count > low && count <= MOST_REPLICAS; run++) {
    const found = see(count, run);
    if (good(found)) {
      best = { count, found };
      if (count - low <= 1) break;
      count = Math.max(count - step, low + 1);
    } else {
      low = count;
      if (best && best.count - low <= 1) break;
      step = best ? 1 : step * 2;
      count = best ? Math.ceil((best.count + low) / 2) : count + step;
    }
  }
  return best ?? { count: 0 };
};

if (typeof DedicatedWorkerGlobalScope !== "undefined") {
  self.onmessage = async ({ data }) => {
    const Q = await import(data.queueing);
    self.postMessage(search((count, run) => simulated(Q, data, count, (share) =>
      self.postMessage({ share: (run + Math.min(share, 1)) / RUNS })), data.limits, data.from, data.least));
  };
}
