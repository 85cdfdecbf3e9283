// Memory, speed and cost of serving a model: the formulas of app/estimate, term by term in the same order.
// Seconds, bytes, dollars. A test compares both languages on random inputs.

const ROUNDS = 8, RESERVE = 2e9, TIGHT_USE = 0.97, TIGHT_RESERVE = 1e9, TIGHT_SEQUENCES = 32, BUSIEST = 0.95,
  CLOSE = 1e-4, MARGIN = 1.4, CHUNK = 8192, SLOWER_COUNTS = 0.5;
const LARGE_MEMORY = 70e9, STARTED = 256, STARTED_LARGE = 1024, STARTED_OTHER = 2048;
const COUNTS = [1, 2, 4, 8], MACHINE = 8, MOST_IN_FLIGHT = 1024, HOURS_PER_MONTH = 730, HALVINGS = 4;
const SHAPE = ["layers", "hidden", "context", "mixer_parameters", "shared_parameters", "head_parameters",
  "other_parameters",
  "expert_layers", "experts", "active_experts", "expert_parameters", "shared_expert", "linear_layers", "latent",
    "state_bytes",
  "quantised_attention", "native_4bit", "tied", "spans", "heads", "half_layers", "indexed_layers"];
const SPAN = ["layers", "elements", "window", "stride", "kv_heads", "decode_flop", "prefill_flop"];
const CARD = ["memory", "bandwidth", "flops16", "flops8", "flops4", "link", "switched", "staged", "stacked", "amd",
  "pace", "bf16", "weight_only_fp8", "machine", "network", "watts"];

const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
export const card = (values) => named(CARD, values);
export const shape = (values) => {
  const made = named(SHAPE, values);
  made.spans = made.spans.map((span) => named(SPAN, span));
  return made;
};
export const layout = (precision, kv_bytes, engine, split = {}) =>
  ({ precision, kv_bytes, engine, tensor: 1, pipeline: 1, data: 1, experts_split: false, max_running: 0, ...split });

// Which range goes with a step: GPUs near what they can serve err otherwise
export const regime = (speed) => 2 * (speed.parts[2] + speed.parts[6]) >= speed.parts.reduce((sum, p) => sum + p, 0)
  ? "busy" : "tpot";

const LIMITS = ["bandwidth", "compute", "interconnect", "launch overhead"];
export const limitedBy = (speed) => {
  if (speed.waiting > speed.tpot && speed.tpot > 0) return "memory";
  const [weights, cache, compute, link, layers, requests, prompts] = speed.parts;
  const shares = [weights + cache, compute + prompts, link, layers + requests];
  return LIMITS[shares.indexOf(Math.max(...shares))];
};

// Bytes of a cached element where nothing else is said
export const kvBytes = (precision, engine, c) => {
  const native = precision === "fp8" ? c.flops8 : precision === "nvfp4" || precision === "mxfp4" ? c.flops4 : 0;
  return native && engine !== "sglang" ? 1 : 2;
};

// Why a card can't compute in a format, or ""
export const cardFault = (c, precision) => {
  if (precision === "bf16" && !c.bf16) return "it has no bfloat16 arithmetic; fp16, int8 or int4 would work";
  if (precision === "fp8" && !(c.flops8 || c.weight_only_fp8)) {
    return `it has no FP8 units; ${c.bf16 ? "bf16, fp16" : "fp16"} or int4 would work`;
  }
  return precision === "nvfp4" && !c.flops4 ? "it has no FP4 units for NVFP4; fp8, mxfp4 or int4 may work" : "";
};

// What a prediction rests on, and the factors on a step's and a first token's time; `model` has what is known of the
// model alone
export const basis = (offsets, model, kind, engine, generation, precision) => {
  const own = model.group?.[`${engine}|${generation}|${precision}`];
  const factors = (step, first) => [Math.exp(step * (step > 0 ? SLOWER_COUNTS : 1)), Math.exp(first)];
  if (own) return { rests_on: "measured", factors: factors(...own) };
  const family = offsets.family[`${kind}|${generation}|${precision}`], format = model.format?.[precision];
  if (family === undefined && format === undefined) return { rests_on: "physics", factors: [1, 1] };
  const first = (offsets.engine[`${engine}|${generation}`] ?? 0) + (model.first ?? 0);
  return { rests_on: "family", factors: factors((family ?? 0) + (format ?? 0), first) };
};

export const mostRunning = (l, c) => {
  if (l.max_running) return l.max_running;
  if (l.engine === "sglang") return STARTED_OTHER;
  if (l.engine === "trtllm") return STARTED_OTHER * l.data;
  return (c.memory >= LARGE_MEMORY && (c.flops8 > 0 || c.amd) ? STARTED_LARGE : STARTED) * l.data;
};

export const sequencesThatFit = (c, l, stored, sequence, k) => {
  const usual = c.memory * k.memory_use - stored - RESERVE;
  const tight = c.memory * TIGHT_USE - stored - TIGHT_RESERVE;
  const held = l.pipeline * l.data / sequence;
  return Math.max(usual * held, Math.min(tight * held, TIGHT_SEQUENCES));
};

const weightBytes = (s, l, bytes) => {
  const per = bytes[l.precision];
  let attention = per;
  if (per < 2) attention = !s.quantised_attention ? 2 : s.latent && per < 1 ? Math.max(per, 1) : per;
  const outer = l.engine === "llama.cpp" ? per : 2;
  const split = l.tensor * l.pipeline, everything = split * l.data;
  return [s.mixer_parameters * attention / split, s.shared_parameters * per / split,
    s.head_parameters * outer / everything, s.expert_parameters * per / everything];
};

const kvElements = (s, tokens, tensor) => {
  let total = 0;
  for (const span of s.spans) {
    let near = span.window ? Math.min(tokens, span.window) : tokens;
    if (span.stride > 1) near += tokens / span.stride;
    total += span.layers * near * span.elements / Math.min(tensor, span.kv_heads);
  }
  return total;
};

const byEngine = (engine, k, name) => engine === "sglang" ? k[`${name}_sglang`] : engine === "trtllm"
  ? k[`${name}_trtllm`] : 1;

const flops = (c, precision, k) => {
  let native = c.flops16;
  if (precision === "fp8" && c.flops8) native = c.flops8;
  else if ((precision === "nvfp4" || precision === "mxfp4") && c.flops4) native = c.flops4;
  return c.flops16 * (c.amd ? k.gemm_amd : 1) * (native / c.flops16) ** k.narrow_gain;
};

const unpacks = (c, precision) => precision === "int4" || (precision === "mxfp4" && !c.flops4);

const fixed = (s, c, l, pace, k) => {
  const experts = s.expert_layers, fused = l.precision === "mxfp4" && c.flops8 > 0;
  const counts = [["layer", s.layers - s.half_layers / 2], ["layer_latent", s.latent * s.layers], ["layer_linear",
    s.linear_layers],
    ["layer_indexed", s.indexed_layers], ["layer_quantise", l.precision === "nvfp4" ? s.layers - experts : 0],
      ["layer_experts", experts],
    ["layer_experts_fp8", l.precision === "fp8" ? experts : 0], ["layer_unpack", unpacks(c, l.precision) && !fused
      ? experts : 0], ["layer_per_expert", s.active_experts * experts],
    ["layer_shared_expert", s.shared_expert * experts], ["stage", l.pipeline - 1], ["step", 1]];
  return pace * counts.reduce((sum, [name, count]) => sum + k[name] * count, 0);
};

const link = (s, c, l, k) => {
  const ranks = l.tensor * l.data;
  if (ranks === 1) return [0, 0];
  const way = c.switched ? "switched" : c.staged ? "staged" : "other", row = s.hidden * 2;
  const reduced = s.layers - s.half_layers / 2 - (l.data > 1 ? s.expert_layers / 2 : 0);
  const times = way === "staged" ? l.tensor / 2 : 2 * (l.tensor - 1) / l.tensor;
  let bytes = 2 * reduced * row * times, exchanges = l.tensor > 1 ? 2 * reduced : 0;
  if (l.data > 1) {
    const copies = s.expert_layers ? Math.min(s.active_experts, ranks - 1) : 0;
    bytes += s.expert_layers * 2 * row * copies * k.alltoall;
    exchanges += 2 * s.expert_layers;
  }
  const pace = c.pace * byEngine(l.engine, k, "allreduce") * (c.amd ? k.pace_amd : 1);
  let hop = exchanges * k.allreduce * (way === "switched" ? 1 : k[`allreduce_${way}`]) * pace,
    token = bytes / (c.link * k[`link_${way}`]);
  if (ranks > c.machine) {
    hop += exchanges * k.allreduce_network;
    token = Math.max(token, bytes / (c.network * k.link_network));
  }
  return [token, hop];
};

const attentionFlop = (s, prompt, middle) => {
  let pairs = 0, fresh = 0;
  for (const span of s.spans) {
    const seen = span.window ? Math.min(prompt, span.window) : prompt;
    pairs += span.layers * span.prefill_flop * (prompt * seen - seen * seen / 2);
    fresh += span.layers * span.decode_flop * (span.window ? Math.min(middle, span.window) : middle);
  }
  return [pairs, fresh];
};

const compute = (s, c, l, prompt, k) => {
  const dense = 2 * (s.mixer_parameters + s.shared_parameters) / k.gemm;
  let routed = 0;
  if (s.experts) {
    const each = Math.max(prompt, CHUNK) * s.active_experts / s.experts;
    routed = 2 * s.expert_layers * s.active_experts * s.expert_parameters / k.gemm_experts;
    routed *= 1 + k.expert_tokens / each;
  }
  return (dense + routed) / (l.tensor * l.data * flops(c, l.precision, k));
};

const unpacking = (c, precision, k) => !unpacks(c, precision) ? 1
  : precision === "int4" || !c.flops8 ? k.unpack : k.unpack_mxfp4;

export const terms = (s, c, l, prompt, output, k, bytes, offsets = [1, 1]) => {
  let pace = c.pace * (l.engine === "llama.cpp" ? k.pace_llamacpp : byEngine(l.engine, k, "pace"));
  pace *= c.amd ? k.pace_amd : 1;
  let bandwidth = c.bandwidth * (c.amd ? k.stream_amd : 1);
  if (l.engine === "llama.cpp" && c.stacked) bandwidth *= k.stream_llamacpp_stacked;
  const attentionFlops = c.flops16 * (c.amd ? k.gemm_amd : 1) * k.attention;
  const token_compute = compute(s, c, l, prompt, k);
  const [token_link, hop] = link(s, c, l, k);
  const middle = prompt + output / 2;
  const [pairs, fresh] = attentionFlop(s, prompt, middle);
  const prefill = token_compute * prompt + pairs / (l.tensor * l.data) / attentionFlops + token_link * prompt / l.data;

  const [attention, shared, head, expert] = weightBytes(s, l, bytes);
  const heads = s.tied || l.engine === "llama.cpp" ? 1 : 2;
  const stored = attention + shared + head * heads + expert * s.experts * s.expert_layers
    + s.other_parameters * 2 / (l.tensor * l.pipeline * l.data);
  const state = s.state_bytes / l.tensor;
  const sequence = Math.max(kvElements(s, middle, l.tensor) * l.kv_bytes + state, 1);
  const most = Math.min(sequencesThatFit(c, l, stored, sequence, k), mostRunning(l, c));

  const fix = fixed(s, c, l, pace, k), stages = (1 + k.bubble * (l.pipeline - 1)) / l.pipeline;
  const alone = prefill * l.data ** k.data_prompts * k.first * ((s.latent ? k.first_latent : 1)
    * (s.experts ? k.first_experts : 1));
  const begin = k.first_fixed + k.first_launch * (l.engine === "sglang" ? k.first_sglang : 1) * (fix + hop);
  let one_expert = expert * l.pipeline * s.expert_layers / (bandwidth * k.stream_experts);
  one_expert *= (l.experts_split ? k.imbalance : 1) * unpacking(c, l.precision, k);
  one_expert += k.expert_hit * pace * s.expert_layers / (l.experts_split ? l.tensor * l.data : 1);
  return {
    output, pipeline: l.pipeline, data: l.data, experts: s.experts, stored, sequence, most, fixed: fix,
    token_compute, token_link, hop, prefill, always: (attention + shared + head) * l.pipeline / (bandwidth * k.stream),
    one_expert, miss: s.experts > s.active_experts ? Math.log(1 - s.active_experts / s.experts) : 0,
    cache_one: Math.max((sequence + state) / (bandwidth * k.stream_cache), fresh / l.tensor / attentionFlops),
    request: k.request * pace, alone, begin, queue: k.queue * (l.engine === "sglang" ? k.queue_sglang : 1),
    burst: k.burst * (l.engine === "trtllm" ? k.burst_trtllm : 1), together: k.burst_tokens / prompt,
    interleave: k.interleave * stages * (l.engine === "sglang" ? k.interleave_sglang : 1),
    work: k.interleave * stages * prefill, shared: stages,
    offset: offsets[0], first_offset: offsets[1],
  };
};

const stepParts = (t, running, others, k) => {
  const together = Math.max(running / t.pipeline, 1), rank = Math.max(together / t.data, 1);
  const o = t.offset * (1 + k.bubble * (Math.min(Math.max(running, 1), t.pipeline) - 1));
  const hit = t.miss ? t.experts * (1 - Math.exp(t.miss * together ** k.routing)) : t.experts;
  const read = t.always + t.one_expert * hit;
  const computed = t.token_compute * together;
  const prompts = t.interleave * others / t.output * t.prefill;
  const weights = Math.sqrt(read * read + computed * computed);
  return [o * read, o * t.cache_one * rank, o * (weights - read), o * (t.hop + t.token_link * rank), o * t.fixed,
    o * t.request * rank, t.offset * prompts];
};

// Seconds that each request takes of an engine however many are there, and how much its prompt counts then
const leastOf = (t, k) => {
  const token = t.token_compute + (t.cache_one + t.token_link + t.request) / t.data;
  const answer = t.offset * (t.output - 1) * token / t.pipeline;
  let one = 0;
  for (const part of stepParts(t, 1, 0, k)) one += part;
  const alone = t.first_offset * (t.alone + t.begin) + one * (t.output - 1);
  const work = Math.min(t.offset * t.work, alone - answer);
  return [work + answer, t.work ? work / (t.offset * t.work) : 1];
};

// Running sequences, seconds to the first token and of a step, and its parts, with so many requests that have a place
const inFlight = (t, flight, rate, k) => {
  const others = Math.max(flight - 1, 0), share = rate ? 1 : others / flight;
  let ahead = 0, late = 0.5;
  if (rate) {
    const busy = Math.min(rate * t.prefill, BUSIEST);
    ahead = busy / (1 - busy) / 2;
  } else {
    ahead = t.queue * others ** k.queue_growth + t.burst * Math.min(others, t.together);
    late = k.first_step * others / (others + 1);
  }
  const prompt = t.alone * (1 + ahead * t.shared) + t.begin + k.first_request * flight;
  if (t.output === 1) late = 0;
  const [least, eased] = leastOf(t, k);
  let running = flight, own = 0, step = 0, decoding = 0, parts = [];
  for (let round = 0; round < ROUNDS; round++) {
    parts = stepParts(t, running, running * (share * eased), k);
    step = 0;
    for (const part of parts) step += part;
    decoding = step * (t.output - 1);
    own = t.first_offset * (prompt + late * step);
    running = flight * decoding / (own + decoding);
  }
  const slow = flight * least / (own + decoding);
  if (slow <= 1) return [running, own, step, parts];
  parts[6] += step * (slow - 1);
  return [running, own * slow, step * slow, parts];
};

// Requests in flight when so many arrive a second, at most those that fit; the rate that is served then; false where
// clearly more arrive
const loadOf = (t, rate, k) => {
  const taken = (flight, arriving) => {
    const [, own, step] = inFlight(t, flight, arriving, k);
    return arriving * (own + step * (t.output - 1));
  };
  const all = taken(t.most, rate), full = all > t.most;
  let low = 0, high = full ? rate : t.most;
  while (high - low > CLOSE * high) {
    const middle = (low + high) / 2;
    if (full ? taken(t.most, middle) > t.most : middle >= taken(middle, rate)) high = middle; else low = middle;
  }
  return full ? [t.most, low, all <= t.most * MARGIN] : [high, rate, true];
};

export const at = (t, given, arriving, k) => {
  const speed = { fits: t.most >= 1, ttft: 0, tpot: 0, prefill: 0, waiting: 0, running: 0, most: Math.max(t.most, 0),
    weights: t.stored, kv_sequence: t.sequence, parts: [0, 0, 0, 0, 0, 0, 0], throughput: 0, sustained: true };
  if (!speed.fits) return speed;
  const [load, rate, sustained] = arriving ? loadOf(t, arriving, k) : [given, 0, true];
  const flight = Math.min(load, t.most);
  const [running, own, step, parts] = inFlight(t, flight, rate, k);
  const request = own + step * (t.output - 1), waiting = (load / flight - 1) * request, served = flight / request;
  return { ...speed, ttft: own + waiting, tpot: t.output > 1 ? step : 0, prefill: t.prefill, waiting, running, parts,
    throughput: (rate ? Math.min(rate, served) : served) * t.output, sustained };
};

export const layouts = (s, precision, kv_bytes, engine) => {
  const found = [];
  for (const count of COUNTS) {
    if (s.heads % count) continue;
    found.push(layout(precision, kv_bytes, engine, { tensor: count }));
    if (s.experts && count > 1) {
      found.push(layout(precision, kv_bytes, engine, { tensor: count, experts_split: true }));
      if (s.latent) found.push(layout(precision, kv_bytes, engine, { data: count, experts_split: true }));
    }
  }
  if (!(s.heads % MACHINE)) found.push(layout(precision, kv_bytes, engine, { tensor: MACHINE, pipeline: 2 }));
  return found;
};

export const hold = (t, need, k) => {
  const good = (speed) => speed.fits && speed.ttft <= need.ttft && speed.tpot <= need.tpot;
  let best = at(t, 1, 0, k);
  if (!good(best)) return [0, best];
  let low = 1, high = Math.min(MOST_IN_FLIGHT, Math.floor(t.most));
  while (low < high) {
    const next = Math.min(low * 2, high), speed = at(t, next, 0, k);
    if (!good(speed)) { high = next; break; }
    low = next; best = speed;
  }
  for (let i = 0; i < HALVINGS; i++) {
    const middle = Math.floor((low + high) / 2);
    if (middle <= low || middle >= high) break;
    const speed = at(t, middle, 0, k);
    if (good(speed)) { low = middle; best = speed; } else high = middle;
  }
  return [low, best];
};

export const cost = (found, need, sold, usd) => {
  const { layout: l, speed } = found;
  const gpus = l.tensor * l.pipeline * l.data, perMachine = gpus / l.pipeline;
  const size = sold || perMachine;
  if (size < gpus && size !== perMachine) return null;
  const rate = speed.throughput / need.output;
  const replicas = Math.max(need.least, Math.ceil(need.rate / (rate * need.utilisation))) + need.spare;
  const each = Math.max(Math.floor(size / gpus), 1);
  const instances = gpus <= size ? Math.ceil(replicas / each) : replicas * (gpus / size);
  const hour = instances * size * usd, requests = need.rate * 3600;
  const share = speed.tpot ? Math.min(rate * speed.prefill, 1) : 1;
  return { replicas, instances, size, gpus: instances * size, usd_hour: hour,
    usd_month: hour * HOURS_PER_MONTH * need.hours / 24,
    usd_request: hour / requests, usd_million_input: hour * share / (requests * need.prompt) * 1e6,
    usd_million_output: hour * (1 - share) / (requests * need.output) * 1e6 };
};

export const ways = (s, c, options, engine, need, k, bytes) => {
  const held = [];
  let nearest = null;
  for (const [precision, kv_bytes, offsets] of options) {
    for (const l of layouts(s, precision, kv_bytes, engine)) {
      const t = terms(s, c, l, need.prompt, need.output, k, bytes, offsets);
      const [load, speed] = hold(t, need, k);
      if (load) held.push({ layout: l, load, speed });
      else if (speed.fits && (!nearest || speed.tpot < nearest.tpot)) nearest = speed;
    }
  }
  return [held, nearest];
};

// One GPU of an offer that does not state its size is certain, more are a guess: only where nothing else serves
export const cheapest = (found, need, sold) => {
  const best = [null, null];
  for (const way of found) {
    for (let i = 0; i < sold.length; i++) {
      const price = cost(way, need, sold[i][0], sold[i][1]), l = way.layout;
      const guessed = Number(!sold[i][0] && l.tensor * l.pipeline * l.data > 1);
      if (price && (!best[guessed] || price.usd_hour < best[guessed].cost.usd_hour)) {
        best[guessed] = { ...way, cost: price, offer: i };
      }
    }
  }
  return best[0] ?? best[1];
};

// By how much replicas are added, and how often, where what arrives at random sees more than a fixed load does
export const MORE = 1.2, TRIES = 8;
// A replica at its share of what arrives, and the factors on its time per token between which four measured ones of
// five lie, from those on its steps: app/estimate/prediction_range.py
export const served = (t, need, price, k) => at(t, 0, need.rate / (price.replicas - need.spare), k);
export const widened = (t, need, price, k, [low, high]) => {
  const tpot = (factor) => served({ ...t, offset: t.offset * factor }, need, price, k).tpot, now = tpot(1);
  return now ? [Math.min(low, tpot(low) / now), Math.max(high, tpot(high) / now)] : [low, high];
};

const LONGEST = 700;

// Hours that are paid for an hour of work done on a machine that is taken away once in `every` hours, each time with
// `reload` hours until the work goes on, from points that are `lost` hours apart: app/pricing/offers/reclaim.py
export const stretch = (every, reload, lost = 0) => {
  if (reload / every + lost / every > LONGEST) return Infinity;
  return Math.max(1, Math.exp(reload / every) * (lost > 0 ? Math.expm1(lost / every) * every / lost : 1));
};
