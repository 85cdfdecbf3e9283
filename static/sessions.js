// Agents, speculative decoding, disaggregated prefill and the number of replicas: prefix_cache.py,
// speculative_decoding.py, disaggregation.py and replicas.py of app/estimate, line by line. `Q` is the module
// queueing.js. A test compares both languages. Loaded when asked for.

const ROUNDS = 12, BLOCK = 16, TURN_POINTS = 7, LONGEST_KEPT = 1e7, MOST_REPLICAS = 400, TRIED = 24, FULL = 1e9;
export const MOST_TURNS = 200;

// Agents are { turns, shared, pause }

export const promptMean = (agents, added, answer) =>
  agents.shared + added + (agents.turns - 1) / 2 * (added + answer);

export const prompts = (Q, agents, added, answer, hit) => {
  const grows = Q.meanOf(added) + answer, found = [], few = Q.fewer(added, TURN_POINTS);
  for (let turn = 0; turn < agents.turns; turn++) {
    const before = agents.shared + turn * grows;
    for (const [tokens, weight] of few) {
      const share = weight / agents.turns;
      if (turn && hit) found.push([before + tokens, Math.max(before - BLOCK / 2, agents.shared), share * hit]);
      if (!turn || hit < 1) found.push([before + tokens, agents.shared, share * (turn ? 1 - hit : 1)]);
    }
  }
  return found.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
};

export const keptFor = (agents, rate, grows, free) => {
  if (free <= 0) return 0;
  const starts = rate / agents.turns, n = agents.turns, returning = grows * n * (n - 1) / 2, last = grows * n;
  const fills = (t) => starts * (agents.pause * (1 - Math.exp(-t / agents.pause)) * returning + last * t);
  let low = 0, high = LONGEST_KEPT;
  if (fills(high) <= free) return Infinity;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (fills(middle) < free) low = middle; else high = middle;
  }
  return low;
};

export const reused = (Q, p, agents, added, outputs, rate, burst, base) => {
  const answer = Q.meanOf(outputs), grows = Q.meanOf(added) + answer;
  let hit = 1, kept = Infinity, free = 0, load = base, found = { busy: Infinity };
  const own = promptMean(agents, Q.meanOf(added), answer) - agents.shared + answer / 2;
  const arrivals = 1 + (burst - 1) / agents.turns;
  for (let round = 0; round < ROUNDS; round++) {
    load = { ...base, rate, burst: arrivals, prompts: prompts(Q, agents, added, answer, hit), outputs, own };
    let then = 0;
    found = Q.seen(p, load, false);
    if (found.busy >= 1) free = kept = 0;
    else {
      const inside = found.running + rate * found.ttft[0];
      free = Math.max(p.room - agents.shared - inside * own, 0);
      kept = keptFor(agents, rate, grows, free);
      then = kept < Infinity ? 1 - Math.exp(-kept / agents.pause) : 1;
    }
    if (Math.abs(then - hit) < 1e-3) break;
    hit = (hit + then) / 2;
  }
  if (found.busy < 1) found = Q.seen(p, load);
  let whole = 0, cached = 0;
  for (const [tokens, part, weight] of load.prompts) { whole += tokens * weight; cached += part * weight; }
  return { hit: agents.turns > 1 ? hit : 0, cached: cached / whole, kept, free, load, seen: found };
};

// Drafts

export const drafting = (p, load, drafted, accepted) => drafted
  ? { ...load, width: drafted + 1, advance: accepted, extra: drafted * p.draft } : load;

export const gain = (Q, p, running, each, drafted, accepted) => Q.step(p, running, running * each) * accepted
  / (Q.step(p, running, running * each, drafted + 1) + drafted * p.draft);

// Prefill and decode on machines of their own: { prefill, decode, link }

export const seenApart = (Q, p, load, apart) => {
  const before = { ...load, rate: load.rate / apart.prefill }, then = { ...load, rate: load.rate / apart.decode };
  const work = Q.workOf(p, load), steps = Q.stepsOf(load), r = Q.slots(p, load), each = Q.attended(load);
  const busy = Math.max(before.rate * work[0], then.rate * steps * Q.decode(p, load, r, each) / r), none = [0, 0];
  if (busy >= 1) return { busy, sure: false, running: 0, full: 0, ttft: none, whole: none, each: none };
  const chances = Q.crowd({ ...p, prompt_token: 0, prompt_pair: 0, begin: 0 }, then);
  const running = chances.reduce((sum, chance, n) => sum + n * chance, 0);
  const full = chances.reduce((sum, chance, n) => n >= r ? sum + chance : sum, 0);
  const join = steps ? 1.5 * Q.decode(p, load, Math.max(running, 1), each) : 0, first = [];
  const [waited] = Q.waits(before, work, Q.NOTHING), flight = 1 + before.rate * Q.meanOf(waited);
  for (const [tokens, cached, weight] of load.prompts) {
    const sent = steps ? tokens * p.kv_token / apart.link : 0;
    const own = Q.loneTime(p, tokens, cached, flight) + sent + join;
    for (const [value, chance] of waited) first.push([own + value, weight * chance]);
  }
  const ttft = Q.ends(first);
  if (!steps) return { busy, sure: false, running, full, ttft, whole: ttft, each: none };
  const slow = chances.map((chance, n) => [Q.decode(p, load, n + 1, each), chance]), average = Q.meanOf(slow);
  const wide = (slow.reduce((sum, [v, c]) => sum + v * v * c, 0) / (average * average) - 1)
    * (1 + (load.burst - 1) / 2);
  const [every, whole] = Q.answers(then, [0, 0, 0], Q.fewer(first, Q.FIRSTS), running / then.rate, 0, wide);
  return { busy, sure: false, running, full, ttft, whole: Q.ends(whole), each: every.length ? Q.ends(every) : none };
};

export const bestApart = (Q, p, load, machines, link, ttft, each) => {
  const count = Math.min(machines - 1, TRIED);
  let best = null;
  for (let i = 0; i < count; i++) {
    const prefill = 1 + Math.floor((machines - 2) * i / Math.max(count - 1, 1));
    const apart = { prefill, decode: machines - prefill, link }, found = seenApart(Q, p, load, apart);
    const worst = found.busy < 1 ? Math.max(found.ttft[1] / ttft, found.each[1] / each) : FULL * found.busy;
    if (!best || worst < best[0]) best = [worst, apart, found];
  }
  return best && best.slice(1);
};

// How many replicas

export const holds = (found, ttft, each) => found.busy < 1 && found.ttft[1] <= ttft && found.each[1] <= each;

export const replicas = (see, ttft, each, least = 1) => {
  let high = least, found = see(high);
  while (!holds(found, ttft, each)) {
    if (high >= MOST_REPLICAS) return null;
    high = Math.min(high * 2, MOST_REPLICAS);
    found = see(high);
  }
  let low = high === least ? high - 1 : Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2), now = see(middle);
    if (holds(now, ttft, each)) { high = middle; found = now; } else low = middle;
  }
  return [high, found];
};
