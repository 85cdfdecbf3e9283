// Real traffic on one replica: lengths.py, step_time.py, queueing.py and latency.py of app/estimate, line by line.
// Seconds and tokens. A test compares both languages on random loads. Loaded when asked for.

export const CHUNK = 8192;

// Lengths as points [tokens, weight]

const Z95 = 1.6448536269514722, REACH = 4, GRID = 0.25, MOST_POINTS = 64;
export const WIDEST = 3.8;

const byValue = (a, b) => a[0] - b[0] || a[1] - b[1];
export const spread = (mean, p95) => {
  if (p95 <= mean) return [[Math.max(mean, 1), 1]];
  const s = Z95 - Math.sqrt(Math.max(Z95 * Z95 - 2 * Math.log(Math.min(p95 / mean, WIDEST)), 0)), found = [];
  for (let i = 0; i <= Math.round(2 * REACH / GRID); i++) {
    const z = -REACH + i * GRID;
    found.push([Math.exp(s * z), Math.exp(-z * z / 2)]);
  }
  let whole = 0, sum = 0;
  for (const [value, weight] of found) { whole += weight; sum += value * weight; }
  return found.map(([value, weight]) => [Math.max(value * mean * whole / sum, 1), weight / whole]);
};

export const counted = (counts) => {
  const rows = counts.filter(([, n]) => n > 0).map(([value, n]) => [Math.max(value, 1), n]).sort(byValue);
  let whole = 0, seen = 0, total = 0;
  for (const [, n] of rows) whole += n;
  const found = [];
  for (const [value, n] of rows) {
    seen += n;
    total += value * n;
    if (seen * MOST_POINTS >= whole) { found.push([total / seen, seen / whole]); seen = total = 0; }
  }
  if (seen) found.push([total / seen, seen / whole]);
  return found;
};

export const meanOf = (points) => points.reduce((sum, [value, weight]) => sum + value * weight, 0);

export const quantile = (rows, share) => {
  let seen = 0, before = rows[0][0], at = 0;
  for (const [value, weight] of rows) {
    const middle = seen + weight / 2;
    if (middle >= share) return middle > at && at ? before + (value - before) * (share - at) / (middle - at) : value;
    seen += weight;
    before = value;
    at = middle;
  }
  return rows.at(-1)[0];
};

// The steps of an engine

// `E` is the module estimate.js
export const pace = (E, t, s, c, l, prompt, output, k, bytes) => {
  const middle = prompt + output / 2, token = t.token_compute + t.token_link / l.data;
  const outer = l.engine === "llama.cpp" ? bytes[l.precision] : 2;
  const head = s.head_parameters * outer / (l.tensor * l.pipeline * l.data);
  const bandwidth = c.bandwidth * (c.amd ? k.stream_amd : 1) * k.stream;
  return { always: t.always, one_expert: t.one_expert, experts: t.experts, miss: t.miss, routing: k.routing,
    token_compute: t.token_compute, token_link: t.token_link, hop: t.hop, fixed: t.fixed, request: t.request,
    pipeline: l.pipeline, bubble: k.bubble, data: l.data, offset: t.offset, cache_token: t.cache_one / middle,
    prompt_token: t.offset * t.interleave * token,
    prompt_pair: t.offset * t.interleave * Math.max(t.prefill - token * prompt, 0) / prompt ** 2,
    lone: t.first_offset * t.alone / t.prefill / (t.offset * t.interleave), begin: t.first_offset * t.begin,
    first_request: t.first_offset * k.first_request, room: E.sequencesThatFit(c, l, t.stored, t.sequence, k) * middle,
    cap: Math.trunc(E.mostRunning(l, c)),
    draft: t.offset * (t.fixed + t.hop + t.always) / Math.max(s.layers, 1) + t.offset * head * l.pipeline / bandwidth,
    kv_token: t.sequence * l.tensor / middle };
};

export const step = (p, running, cached, width = 1) => {
  if (running <= 0) return 0;
  const together = Math.max(running / p.pipeline, 1), rank = Math.max(together / p.data, 1);
  const hit = p.miss ? p.experts * (1 - Math.exp(p.miss * (together * width) ** p.routing)) : p.experts;
  const read = p.always + p.one_expert * hit, compute = p.token_compute * together * width;
  const whole = Math.sqrt(read * read + compute * compute) + p.hop + p.token_link * rank * width + p.fixed
    + p.request * rank;
  const gaps = 1 + p.bubble * (Math.min(Math.max(running, 1), p.pipeline) - 1);
  return p.offset * gaps * (whole + p.cache_token * cached / running * rank);
};

export const promptTime = (p, tokens, cached = 0) =>
  p.prompt_token * (tokens - cached) + p.prompt_pair * (tokens * tokens - cached * cached);
export const loneTime = (p, tokens, cached, flight) =>
  p.lone * promptTime(p, tokens, cached) + p.begin + p.first_request * flight;

// The queue: a load is { rate, burst, prompts: [tokens, cached, weight], outputs, width, advance, extra, own }

export const NOTHING = 1e-6, FIRSTS = 24;
const MOST_STATES = 4000, NEGLIGIBLE = 30, BURST_SCALE = 2, ROUNDS = 12, WAIT_POINTS = 9;
const CROWDS = 8, SLOWS = 5, EACHS = 12;
const SURE_BUSY = 0.6, SURE_PROMPTS = 0.4, SURE_FULL = 0.003, SURE_PLACES = 8, SURE_BURST = [0.5, 2],
  SURE_STEPS = 20, LEAST_TOKENS = 2;

export const attended = (load) => {
  let o2 = 0, p1 = 0;
  for (const [o, weight] of load.outputs) o2 += o * o * weight;
  for (const [p, , weight] of load.prompts) p1 += p * weight;
  return p1 + o2 / (2 * meanOf(load.outputs));
};

export const workOf = (p, load) => {
  const w = [0, 0, 0];
  for (const [tokens, cached, weight] of load.prompts) {
    const took = promptTime(p, tokens, cached);
    w[0] += weight * took;
    w[1] += weight * took * took;
    w[2] += weight * took * took * took;
  }
  return w;
};

export const decode = (p, load, running, each) => step(p, running, running * each, load.width) + load.extra;
export const slots = (p, load) => Math.max(Math.min(p.cap, p.room / (load.own || attended(load))), 1);
export const stepsOf = (load) => Math.max(meanOf(load.outputs) - 1, 0) / load.advance;

export const mostRate = (p, load) => {
  const r = slots(p, load);
  return 1 / (workOf(p, load)[0] + stepsOf(load) * decode(p, load, r, attended(load)) / r);
};

const logNormal = (average, variance, points) => {
  if (average <= 0 || variance <= 0) return [[Math.max(average, 0), 1]];
  const s = Math.sqrt(Math.log(1 + variance / (average * average))), found = [];
  let whole = 0, sum = 0;
  for (let i = 0; i < points; i++) {
    const z = -3 + 6 * i / (points - 1), value = Math.exp(s * z), weight = Math.exp(-z * z / 2);
    found.push([value, weight]);
    whole += weight;
    sum += value * weight;
  }
  return found.map(([value, weight]) => [value * average * whole / sum, weight / whole]);
};

const together = (burst, expected) => (burst - 1) * (1 - Math.exp(-BURST_SCALE * Math.sqrt(expected)));

export const crowd = (p, load, behind = 0) => {
  const each = attended(load), r = slots(p, load), steps = stepsOf(load);
  const share = load.rate / (1 - load.rate * workOf(p, load)[0]), heights = [0];
  let height = 0, best = 0;
  while (heights.length < MOST_STATES && height > best - NEGLIGIBLE && steps) {
    const at = Math.min(heights.length, r);
    height += Math.log(share * Math.max(steps * decode(p, load, at, each) + behind, 1e-12) / at);
    heights.push(height);
    best = Math.max(best, height);
  }
  const weights = heights.map((one) => Math.exp(one - best)), whole = weights.reduce((a, b) => a + b, 0);
  return weights.map((one) => one / whole);
};

const empty = (rate, d, k1) => {
  let none = 1;
  for (let round = 0; round < ROUNDS; round++) {
    const filled = d + (k1 - d) / Math.max(1 - none, 1e-9);
    const still = Math.exp(-rate * d), later = Math.exp(-rate * filled);
    none = later / Math.max(1 - still + later, 1e-12);
  }
  return none;
};

export const waits = (load, work, d) => {
  const { rate } = load, [w1, , w3] = work, busy = rate * w1;
  const more = together(load.burst, rate * (d / (1 - busy) + w1)), w2 = work[1] + more * w1 * w1;
  const k1 = d / (1 - busy), k2 = k1 * rate * w2 / (1 - busy ** 2);
  const k3 = (3 * k2 * busy * rate * w2 + k1 * rate * w3) / (1 - busy ** 3);
  const t2 = k2 + k1 * k1, t3 = k3 + 3 * k1 * k2 + k1 ** 3, biased = t2 / k1, biased2 = t3 / k1;
  const average = biased * (0.5 + busy) + d + more * w1;
  let square = biased2 * (1 / 3 + busy + busy * busy) - (biased * (0.5 + busy)) ** 2 + rate * biased * w2;
  square += Math.abs(more) * (1 + Math.max(more, 0)) * w1 * w1;
  const behind = busy * (d + w1 + busy * biased - k1) + w1 * together(load.burst, rate * (d + w1 + average)) / 2;
  const plain = empty(rate, d, k1) * d / k1, short = d * (1.5 + busy), other = (average - plain * short) / (1 - plain);
  const wide = (square + average * average - plain * (short * short + d * d / 12)) / (1 - plain) - other * other;
  if (other <= 0 || wide <= 0) return [logNormal(Math.max(average, 0), square, WAIT_POINTS), behind];
  return [[...[-1, 0, 1].map((u) => [short + d * u / 3, plain / 3]),
    ...logNormal(other, wide, WAIT_POINTS).map(([v, w]) => [v, w * (1 - plain)])], behind];
};

const heldUp = (held, w1, w2, busy) => {
  if (held <= 0 || w1 <= 0) return [[0, 1]];
  const none = Math.exp(-held * (1 - busy) / w1), average = held / (1 - none);
  const second = (held * w2 / w1 / (1 - busy) ** 2 + held * held) / (1 - none);
  const found = logNormal(average, second - average * average, WAIT_POINTS).map(([v, c]) => [v, c * (1 - none)]);
  return none > 1e-6 ? [[0, none], ...found] : found;
};

export const fewer = (rows, count) => {
  const found = [];
  let part = 0, total = 0;
  for (const [value, weight] of rows) {
    part += weight;
    total += value * weight;
    if (part >= 1 / count) { found.push([total / part, part]); part = total = 0; }
  }
  if (part) found.push([total / part, part]);
  return found;
};
const crowds = (chances, average, wider) => [[0, chances[0]],
  ...fewer(chances.map((chance, n) => [n, chance]).slice(1), CROWDS)
    .map(([n, share]) => [Math.max(average + (n - average) * Math.sqrt(wider), 1), share])];
export const ends = (rows) => { rows.sort(byValue); return [quantile(rows, 0.5), quantile(rows, 0.95)]; };

const sureOf = (p, load, busy, prompts, full) => busy < SURE_BUSY && prompts < SURE_PROMPTS && full < SURE_FULL
  && quantile(load.prompts.map(([tokens, cached, weight]) => [tokens - cached, weight]), 0.95) <= CHUNK
  && slots(p, load) >= SURE_PLACES && stepsOf(load) >= SURE_STEPS
  && SURE_BURST[0] <= load.burst && load.burst <= SURE_BURST[1];

const firstOf = (p, load, waited, running, d) => {
  const flight = running + 1 + load.rate * meanOf(waited), found = [];
  for (const [tokens, cached, weight] of load.prompts) {
    const own = loneTime(p, tokens, cached, flight) + d * Math.max((tokens - cached) / CHUNK - 1, 0);
    for (const [value, chance] of waited) found.push([own + value, weight * chance]);
  }
  return found;
};

export const answers = (load, work, first, life, behind, spreadOf) => {
  const steps = stepsOf(load), rho = load.rate * work[0];
  const w2 = work[1] + together(load.burst, load.rate * life) * work[0] ** 2;
  const d = (life * (1 - rho) - behind * (1 - rho ** steps)) / steps, every = [], whole = [];
  for (const [o, weight] of load.outputs) {
    const count = (o - 1) / load.advance;
    if (count <= 0) {
      for (const [f, c] of first) whole.push([f, weight * c]);
      continue;
    }
    const plain = count * d, x = plain / (1 - rho) / life;
    const calm = x > 1e-3 ? 2 * (x - 1 + Math.exp(-x)) / (x * x) : 1;
    const late = (behind * (1 - rho ** count) + rho * plain) / (1 - rho), held = heldUp(late, work[0], w2, rho);
    const rows = logNormal(plain, plain * plain * spreadOf * calm, SLOWS)
      .flatMap(([u, a]) => held.map(([v, b]) => [u + v, a * b])).sort(byValue);
    for (const [value, chance] of fewer(rows, EACHS)) {
      if (o >= LEAST_TOKENS) every.push([value / (o - 1), weight * chance]);
      for (const [f, c] of first) whole.push([value + f, weight * chance * c]);
    }
  }
  return [every, whole];
};

export const seen = (p, load, answered = true) => {
  const busy = load.rate / mostRate(p, load), none = [0, 0];
  if (busy >= 1) return { busy, sure: false, running: 0, full: 0, ttft: none, whole: none, each: none };
  const work = workOf(p, load), each = attended(load), steps = stepsOf(load), rho = load.rate * work[0];
  const wider = 1 + (load.burst - 1) / 2;
  const count = (chances) => chances.reduce((sum, chance, n) => sum + n * chance, 0);
  let chances = crowd(p, load);
  const d = decode(p, load, Math.max(count(chances), 1), each);
  chances = crowd(p, load, waits(load, work, d)[1] * (1 - rho ** steps));
  const running = count(chances), r = slots(p, load);
  const full = chances.reduce((sum, chance, n) => n >= r ? sum + chance : sum, 0), waited = [];
  let behind = 0;
  for (const [n, share] of crowds(chances, running, wider)) {
    const [found, after] = waits(load, work, n ? decode(p, load, n, each) : NOTHING);
    behind += after * share;
    for (const [value, weight] of found) waited.push([value, share * weight]);
  }
  const first = firstOf(p, load, waited, running, decode(p, load, Math.max(running, 1), each));
  const sure = sureOf(p, load, busy, rho, full), ttft = ends(first);
  if (!steps || !answered) return { busy, sure, running, full, ttft, whole: ttft, each: none };
  const slow = chances.map((chance, n) => [decode(p, load, n + 1, each), chance]), average = meanOf(slow);
  const wide = (slow.reduce((sum, [v, c]) => sum + v * v * c, 0) / (average * average) - 1) * wider;
  const [every, whole] = answers(load, work, fewer(first, FIRSTS), running / load.rate, behind, wide);
  return { busy, sure, running, full, ttft, whole: ends(whole), each: every.length ? ends(every) : none };
};
