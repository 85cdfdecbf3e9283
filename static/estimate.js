// Memory, speed and cost of serving a model: the formulas of app/estimate, term by term in the same order.
// Seconds, bytes, dollars. A test compares both languages on random inputs.

const ROUNDS = 4, RATE_ROUNDS = 24, RESERVE = 2e9, TIGHT_USE = 0.97, TIGHT_RESERVE = 1e9, TIGHT_SEQUENCES = 32,
MOST_STARTED = 256, BUSIEST = 0.95;
const COUNTS = [1, 2, 4, 8], MACHINE = 8, MOST_IN_FLIGHT = 1024, HOURS_PER_MONTH = 730, HALVINGS = 4;
const SHAPE = ["layers", "hidden", "context", "mixer_parameters", "shared_parameters", "head_parameters",
  "other_parameters",
  "expert_layers", "experts", "active_experts", "expert_parameters", "shared_expert", "linear_layers", "latent",
  "state_bytes",
  "quantised_attention", "native_4bit", "tied", "spans"];
const SPAN = ["layers", "elements", "window", "stride", "kv_heads", "decode_flop", "prefill_flop"];
const CARD = ["memory", "bandwidth", "flops16", "flops8", "flops4", "link", "switched", "staged", "stacked", "stream",
  "gemm", "pace", "watts"];

const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
export const card = (values) => named(CARD, values);
export const shape = (values) => {
  const made = named(SHAPE, values);
  made.spans = made.spans.map((span) => named(SPAN, span));
  return made;
};
export const layout = (precision, kv_bytes, engine, split = {}) =>
  ({ precision, kv_bytes, engine, tensor: 1, pipeline: 1, data: 1, experts_split: false, ...split });

const LIMITS = ["bandwidth", "compute", "interconnect", "launch overhead"];
export const limitedBy = (speed) => {
  if (speed.waiting > speed.tpot) return "memory";
  const [weights, cache, compute, link, layers, requests, prompts] = speed.parts;
  const shares = [weights + cache, compute + prompts, link, layers + requests];
  return LIMITS[shares.indexOf(Math.max(...shares))];
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
  return c.flops16 * c.gemm * (native / c.flops16) ** k.narrow_gain;
};

const fixed = (s, l, pace, k) => {
  const experts = s.expert_layers;
  const counts = [["layer", s.layers], ["layer_latent", s.latent * s.layers], ["layer_linear", s.linear_layers],
    ["layer_quantise", l.precision === "nvfp4" ? s.layers - experts : 0], ["layer_experts", experts],
    ["layer_experts_fp8", l.precision === "fp8" ? experts : 0], ["layer_per_expert", s.active_experts * experts],
    ["layer_shared_expert", s.shared_expert * experts], ["stage", l.pipeline - 1], ["step", 1]];
  return pace * counts.reduce((sum, [name, count]) => sum + k[name] * count, 0);
};

const link = (s, c, l, k) => {
  const ranks = l.tensor * l.data;
  if (ranks === 1) return [0, 0];
  const way = c.switched ? "switched" : c.staged ? "staged" : "other", times = way === "staged" ? ranks / 2
    : 2 * (ranks - 1) / ranks;
  const hop = 2 * s.layers * k.allreduce * (way === "switched" ? 1
    : k[`allreduce_${way}`]) * (c.pace * byEngine(l.engine, k, "allreduce"));
  return [2 * s.layers * s.hidden * 2 * times / (c.link * k[`link_${way}`]), hop];
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

export const terms = (s, c, l, prompt, output, k, bytes) => {
  const ranks = l.tensor * l.data;
  const pace = c.pace * (l.engine === "llama.cpp" ? k.pace_llamacpp : byEngine(l.engine, k, "pace"));
  const bandwidth = c.bandwidth * c.stream * (l.engine === "llama.cpp" && c.stacked ? k.stream_llamacpp_stacked : 1);
  const attentionFlops = c.flops16 * c.gemm * k.attention;
  const dense = 2 * (s.mixer_parameters + s.shared_parameters) / k.gemm;
  const routed = 2 * s.expert_layers * s.active_experts * s.expert_parameters / k.gemm_experts;
  const token_compute = (dense + routed) / (ranks * flops(c, l.precision, k));
  const [token_link, hop] = link(s, c, l, k);
  const middle = prompt + output / 2;
  const [pairs, fresh] = attentionFlop(s, prompt, middle);
  const prefill = token_compute * prompt + pairs / ranks / attentionFlops + token_link * prompt / l.data;

  const [attention, shared, head, expert] = weightBytes(s, l, bytes);
  const heads = s.tied || l.engine === "llama.cpp" ? 1 : 2;
  const stored = attention + shared + head * heads + expert * s.experts * s.expert_layers
    + s.other_parameters * 2 / (ranks * l.pipeline);
  const state = s.state_bytes / l.tensor;
  const sequence = Math.max(kvElements(s, middle, l.tensor) * l.kv_bytes + state, 1);
  const usual = c.memory * k.memory_use - stored - RESERVE;
  const tight = c.memory * TIGHT_USE - stored - TIGHT_RESERVE;
  const held = l.pipeline * l.data / sequence;
  const most = Math.max(usual * held, Math.min(tight * held, TIGHT_SEQUENCES));

  const begin = k.first_fixed + k.first_layer * s.layers + k.first_expert_layer * s.expert_layers;
  let one_expert = expert * l.pipeline * s.expert_layers / (bandwidth * k.stream_experts);
  one_expert *= (l.experts_split ? k.imbalance : 1) * (l.precision === "int4" ? k.unpack : 1);
  return {
    output, pipeline: l.pipeline, data: l.data, experts: s.experts, stored, sequence, most, fixed: fixed(s, l, pace, k),
    token_compute, token_link, hop, prefill, always: (attention + shared + head) * l.pipeline / (bandwidth * k.stream),
    one_expert, miss: s.experts > s.active_experts ? Math.log(1 - s.active_experts / s.experts) : 0,
    cache_one: Math.max((sequence + state) / (bandwidth * k.stream_cache), fresh / l.tensor / attentionFlops),
    request: k.request * pace,
    alone: prefill * l.data ** k.data_prompts + c.pace * begin,
    first: k.first * byEngine(l.engine, k, "first") * (s.latent ? k.first_latent : 1),
    queue: k.queue * byEngine(l.engine, k, "queue"),
    interleave: k.interleave * (l.engine === "sglang" ? k.interleave_sglang : 1),
  };
};

const stepParts = (t, running, k) => {
  const together = Math.max(running / t.pipeline, 1), rank = Math.max(together / t.data, 1);
  const hit = t.miss ? t.experts * (1 - Math.exp(t.miss * together ** k.routing)) : t.experts;
  const read = t.always + t.one_expert * hit;
  const compute = t.token_compute * together;
  const prompts = t.interleave * Math.max(running - 1, 0) / t.output * t.prefill;
  const weights = Math.sqrt(read * read + compute * compute);
  return [read, t.cache_one * rank, weights - read, t.hop + t.token_link * rank, t.fixed, t.request * rank, prompts];
};

export const at = (t, load, rate, k) => {
  const most = rate ? Math.min(t.most, MOST_STARTED) : t.most;
  const speed = { fits: most >= 1, ttft: 0, tpot: 0, prefill: 0, waiting: 0, running: 0, most: Math.max(t.most, 0),
    weights: t.stored, kv_sequence: t.sequence, parts: [0, 0, 0, 0, 0, 0, 0], sustained: true };
  if (!speed.fits) return speed;
  let running = rate ? 1 : Math.min(load, most), step = 0, own = 0, decoding = 0, parts = speed.parts, wanted = running;
  const busy = Math.min(rate * t.prefill, BUSIEST);
  for (let round = rate ? RATE_ROUNDS : ROUNDS; round > 0; round--) {
    parts = stepParts(t, running, k);
    step = 0;
    for (const part of parts) step += part;
    decoding = step * t.output;
    const flight = rate ? running : Math.min(load, most);
    const ahead = rate ? busy / (1 - busy) / 2 : t.queue * Math.max(flight - 1, 0) ** k.queue_growth;
    own = t.alone * (t.first + ahead) + k.first_request * flight + k.first_step * 0.5 * step;
    wanted = rate ? rate * decoding : load * decoding / (own + decoding);
    running = wanted < most ? 0.3 * running + 0.7 * wanted : most;
  }
  const waiting = !rate && load > most ? (load / most - 1) * decoding : 0;
  const sustained = !rate || (wanted < most && rate * t.prefill < BUSIEST);
  return { ...speed, ttft: own + waiting, tpot: step, prefill: t.prefill, waiting, running, parts, sustained };
};

export const layouts = (s, precision, kv_bytes, engine) => {
  const found = [];
  for (const count of COUNTS) {
    found.push(layout(precision, kv_bytes, engine, { tensor: count }));
    if (s.experts && count > 1) {
      found.push(layout(precision, kv_bytes, engine, { tensor: count, experts_split: true }));
      if (s.latent) found.push(layout(precision, kv_bytes, engine, { data: count, experts_split: true }));
    }
  }
  found.push(layout(precision, kv_bytes, engine, { tensor: MACHINE, pipeline: 2 }));
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
  const rate = speed.running / speed.tpot / need.output;
  const replicas = Math.max(need.least, Math.ceil(need.rate / (rate * need.utilisation))) + need.spare;
  const each = Math.max(Math.floor(size / gpus), 1);
  const instances = gpus <= size ? Math.ceil(replicas / each) : replicas * (gpus / size);
  const hour = instances * size * usd, requests = need.rate * 3600, share = speed.parts[6] / speed.tpot;
  return { replicas, instances, size, gpus: instances * size, usd_hour: hour,
    usd_month: hour * HOURS_PER_MONTH * need.hours / 24,
    usd_request: hour / requests, usd_million_input: hour * share / (requests * need.prompt) * 1e6,
    usd_million_output: hour * (1 - share) / (requests * need.output) * 1e6 };
};

export const ways = (s, c, options, engine, need, k, bytes) => {
  const held = [];
  let nearest = null;
  for (const [precision, kv_bytes] of options) {
    for (const l of layouts(s, precision, kv_bytes, engine)) {
      const t = terms(s, c, l, need.prompt, need.output, k, bytes);
      const [load, speed] = hold(t, need, k);
      if (load) held.push({ layout: l, load, speed });
      else if (speed.fits && (!nearest || speed.tpot < nearest.tpot)) nearest = speed;
    }
  }
  return [held, nearest];
};

export const cheapest = (found, need, sold) => {
  let best = null;
  for (const way of found) {
    for (let i = 0; i < sold.length; i++) {
      const price = cost(way, need, sold[i][0], sold[i][1]);
      if (price && (!best || price.usd_hour < best.cost.usd_hour)) best = { ...way, cost: price, offer: i };
    }
  }
  return best;
};
