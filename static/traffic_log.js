// A worker that reads a log of requests and says what traffic it shows. The file is streamed and forgotten: only
// numbers leave this worker, and only to the page that started it.
//
// Read are JSON Lines and CSV with a row for each request: usage objects of OpenAI and of what speaks its interface
// (vLLM, LiteLLM, OpenAI's batch output), SGLang's request log, the traces of Azure, BurstGPT and Mooncake; and
// OpenAI's usage export, whose rows are counts of a time span.

const LONGEST_LINE = 8 << 20, MOST_FAULTS = 0.01, TELL_EVERY = 1 << 22;
const MOST_TIMES = 2e7, MOST_CHUNKS = 2e6, CHUNK = 256, CHUNKS = 64, MOST_COLUMNS = 1000, LONGEST_VALUE = 64;
const LAST = 253402300800;  // the end of the year 9999: a time after it is no time
const PLACES = [[], ["usage"], ["response", "usage"], ["response", "body", "usage"], ["body", "usage"],
  ["out", "meta_info"], ["meta_info"], ["metadata", "usage"], ["metadata", "usage_object"]];
const INPUT = ["prompt_tokens", "input_tokens", "num_prompt_tokens", "n_prompt_tokens", "prompt_len", "input_length",
  "contexttokens", "request tokens", "n_context_tokens_total"];
const OUTPUT = ["completion_tokens", "output_tokens", "num_generated_tokens", "generated_tokens", "n_generated_tokens",
  "output_len", "output_length", "generatedtokens", "response tokens", "n_generated_tokens_total"];
const CACHED = ["cached_tokens", "input_cached_tokens", "cache_read_input_tokens", "prompt_cached_tokens"];
const TIME = ["created", "created_at", "timestamp", "starttime", "start_time", "request_time", "arrival_time",
  "arrived_at", "time"];
const COUNT = ["num_model_requests", "n_requests"];

class LogFault extends Error {}
const many = (n) => n.toLocaleString("en");

// The columns of a line of CSV (RFC 4180); a row does not go over several lines here
const columns = (line) => {
  if (!line.includes('"')) return line.split(",");
  const found = [];
  let field = "", quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (line[i + 1] === '"') { field += '"'; i++; } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") { found.push(field); field = ""; } else field += c;
  }
  found.push(field);
  return found;
};

const inside = (row, path) => {
  let at = row;
  for (const key of path) at = at && typeof at === "object" ? at[key] : undefined;
  return at;
};
// A count that a log writes as a number or as its digits, whole numbers that are exact alone; null for all else
const tokens = (value) => {
  const text = typeof value === "string" && value.length <= LONGEST_VALUE ? value.trim() : "";
  const count = typeof value === "number" ? value : text ? Number(text) : NaN;
  return count >= 0 && count <= Number.MAX_SAFE_INTEGER ? count : null;
};
const keyOf = (row, names) => Object.keys(row).find((key) => names.includes(key.toLowerCase().trim())
  && tokens(row[key]) !== null);

// Where a row keeps its numbers: the path to them and the names there; null where there are none
const planOf = (row) => {
  for (const path of PLACES) {
    const place = inside(row, path);
    if (!place || typeof place !== "object") continue;
    const input = keyOf(place, INPUT), output = keyOf(place, OUTPUT);
    if (!input || !output) continue;
    const details = ["prompt_tokens_details", "input_tokens_details"].find((name) => place[name]);
    return { path, input, output, cached: keyOf(place, CACHED), details,
      detail: details && keyOf(place[details], CACHED), count: keyOf(row, COUNT),
      time: Object.keys(row).find((key) => TIME.includes(key.toLowerCase().trim()) && seconds(row[key]) !== null) };
  }
  return null;
};
const follow = (row, plan) => {
  const place = inside(row, plan.path);
  if (!place || typeof place !== "object") return null;
  const input = tokens(place[plan.input]), output = tokens(place[plan.output]);
  if (input === null || output === null) return null;
  const cached = plan.cached ? tokens(place[plan.cached]) : plan.detail ? tokens(place[plan.details]?.[plan.detail])
    : null;
  return { input, output, cached, count: plan.count ? tokens(row[plan.count]) : null,
    time: plan.time ? seconds(row[plan.time]) : null };
};

// Seconds since 1970 of what a log writes as time: seconds, milliseconds, microseconds, nanoseconds, ISO 8601; a trace
// that counts from its own start is left as it is. null where there is none.
const DIGITS = /^\d+(\.\d+)?$/;
const seconds = (value) => {
  const at = instant(value);
  return at >= 0 && at < LAST ? at : null;
};
const instant = (value) => {
  if (typeof value === "number" || (typeof value === "string" && value.length <= LONGEST_VALUE && DIGITS.test(value))) {
    const n = Number(value);
    return n > 1e17 ? n / 1e9 : n > 1e14 ? n / 1e6 : n > 1e11 ? n / 1e3 : n;
  }
  if (typeof value !== "string" || value.length > LONGEST_VALUE) return NaN;
  const iso = /^\d{4}-\d\d-\d\d \d/.test(value) ? value.replace(" ", "T") : value;
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(iso) || !iso.includes("T") ? iso : `${iso}Z`) / 1e3;
};

// Lengths in steps of 2%: percentiles within 1% in bounded memory
const STEP = Math.log(1.02);
const lengths = () => {
  const counts = new Map();
  let n = 0, sum = 0, squares = 0, high = 0;
  return {
    add: (value, weight = 1) => {
      n += weight; sum += value * weight; squares += value * value * weight; high = Math.max(high, value);
      const at = value < 1 ? -1 : Math.round(Math.log(value) / STEP);
      counts.set(at, (counts.get(at) ?? 0) + weight);
    },
    told: () => {
      const steps = [...counts].sort((a, b) => a[0] - b[0]), mean = sum / n;
      const quantile = (q) => { let seen = 0;
        for (const [at, count] of steps) { seen += count;
          if (seen >= q * n) return at < 0 ? 0 : Math.min(Math.round(Math.exp(at * STEP)), high); }
        return high; };
      return { mean, p50: quantile(0.5), p95: quantile(0.95), max: high,
        steps: steps.map(([at, count]) => [at < 0 ? 1 : Math.exp(at * STEP), count]),
        variation: Math.sqrt(Math.max(squares / n - mean * mean, 0)) / mean };
    },
  };
};

// The blocks of a prompt by their numbers or names, where a trace lists them
const blocksOf = (row) => Array.isArray(row.hash_ids) && row.hash_ids.length
  && row.hash_ids.every((id) => typeof id === "number" || typeof id === "string") ? row.hash_ids : null;

// The text of a prompt as the model reads it, beginning first
const promptOf = (row) => {
  const given = row.messages ?? row.body?.messages ?? row.request?.messages ?? row.prompt ?? row.body?.prompt
    ?? row.text;
  if (typeof given === "string") return given[0] === "[" ? "" : given;
  if (!Array.isArray(given)) return "";
  return given.map((m) => typeof m === "string" ? m : `${m?.role}\n${typeof m?.content === "string" ? m.content
    : JSON.stringify(m?.content ?? "")}\n`).join("").slice(0, CHUNK * CHUNKS);
};

// A number of 52 bits for a text, so that none is kept; negative, so that it is no block's own number
const textKey = (text) => {
  let a = 0x811c9dc5, b = 0x1000193;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193); b = Math.imul(b + c, 0x85ebca6b) ^ (b >>> 13);
  }
  return -1 - ((a >>> 6) * 67108864 + (b >>> 6));
};

// How much of the prompts stands at the beginning of an earlier one, by chained hashes of their leading chunks: what a
// prefix cache that forgets nothing would find. Two 26-bit hashes make one number.
const prefixes = () => {
  const seen = new Set();
  let all = 0, shared = 0, full = false;
  const note = (key, size, still) => {
    const known = still && seen.has(key);
    if (known) shared += size;
    else if (seen.size < MOST_CHUNKS) seen.add(key); else full = true;
    return known;
  };
  return {
    text: (text) => {
      all += text.length;
      let a = 0x811c9dc5, b = 0x1000193, still = true;
      for (let from = 0; from + CHUNK <= text.length && from < CHUNK * CHUNKS; from += CHUNK) {
        for (let i = from; i < from + CHUNK; i++) {
          const c = text.charCodeAt(i);
          a = Math.imul(a ^ c, 0x01000193); b = Math.imul(b + c, 0x85ebca6b) ^ (b >>> 13);
        }
        still = note((a >>> 6) * 67108864 + (b >>> 6), CHUNK, still);
      }
    },
    blocks: (ids, inputTokens) => {
      all += inputTokens;
      const size = inputTokens / ids.length;
      let still = true;
      for (const id of ids) still = note(typeof id === "number" ? id : textKey(id), size, still);
    },
    told: () => all ? { share: shared / all, full } : null,
  };
};

const rates = (times, from, to) => {
  if (times.length < 2 || to <= from) return null;
  const sorted = times.slice().sort(), hour = 3600, span = to - from;
  let best = [0, 0, 0];
  for (let i = 0, j = 0; i < sorted.length; i++) {  // the busiest hour wherever it begins
    while (sorted[i] - sorted[j] > hour) j++;
    if (i - j + 1 > best[0]) best = [i - j + 1, j, i];
  }
  const [count, first, last] = best, width = Math.min(span, hour);
  let gaps = 0, squares = 0;
  for (let i = first + 1; i <= last; i++) { const g = sorted[i] - sorted[i - 1]; gaps += g; squares += g * g; }
  const n = last - first, mean = gaps / n, counts = new Array(24).fill(0), covered = new Array(24).fill(0);
  for (const t of sorted) counts[Math.floor(t / hour) % 24]++;
  for (let h = Math.floor(from / hour); h * hour < to; h++) {  // seconds of the log in each hour of the day
    covered[h % 24] += Math.min(to, (h + 1) * hour) - Math.max(from, h * hour);
  }
  return { mean: sorted.length / span, busiest: count / width, from: sorted[first],
    byHour: counts.map((c, h) => covered[h] ? c / covered[h] : null),
    burst: n > 30 && mean > 0 ? (squares / n - mean * mean) / (mean * mean) : null };
};

const reader = () => {
  const input = lengths(), output = lengths(), shared = prefixes();
  let kind = "", head = null, line = 0, rows = 0, requests = 0, skipped = 0, firstFault = "", cached = 0,
    saysCached = false, times = new Float64Array(1 << 16), timed = 0, from = Infinity, to = -Infinity, counted = false,
    inputs = 0, plan = null;
  const at = (when, weight) => {
    from = Math.min(from, when); to = Math.max(to, when);
    if (weight !== 1 || timed >= MOST_TIMES) return;
    if (timed === times.length) { const more = new Float64Array(times.length * 2); more.set(times); times = more; }
    times[timed++] = when;
  };
  const fault = (why) => {
    skipped++;
    firstFault ||= `line ${many(line)}: ${why}`;
    if (rows === 0 && skipped >= 3) throw new LogFault(firstFault);
  };
  const take = (row) => {
    let found = plan && follow(row, plan);
    if (!found || (found.time === null && found.cached === null)) {  // laid out in another way than the row before
      const other = planOf(row);
      if (!other) return fault("no numbers of input and output tokens");
      plan = other;
      found = follow(row, plan);
    }
    const weight = found.count ?? 1, blocks = blocksOf(row), text = kind === "json" && !blocks ? promptOf(row) : "";
    rows++;
    if (weight < 1 || !found.input) return undefined;
    counted ||= found.count !== null;
    if (found.cached !== null) { saysCached = true; cached += Math.min(found.cached, found.input); }
    input.add(found.input / weight, weight); output.add(found.output / weight, weight);
    inputs += found.input; requests += weight;
    if (found.time !== null) at(found.time, weight);
    if (blocks) shared.blocks(blocks, found.input);
    else if (text) shared.text(text);
    return undefined;
  };
  const jsonLine = (text) => {
    let row;
    try { row = JSON.parse(text); } catch { return fault("not JSON"); }
    return row && typeof row === "object" && !Array.isArray(row) ? take(row) : fault("not an object");
  };
  const csvLine = (text) => {
    const values = columns(text);
    if (values.length !== head.length) {
      return fault(`${values.length} columns where the first line has ${head.length}`);
    }
    return take(Object.fromEntries(head.map((name, i) => [name, values[i]])));
  };
  const begin = (text) => {
    if (text[0] === "{") { kind = "json"; return; }
    if (text[0] === "[") {
      throw new LogFault("line 1: one JSON list; write a line for each request, as jq -c '.[]' does");
    }
    head = columns(text).map((name) => name.trim());
    if (head.length > MOST_COLUMNS) throw new LogFault(`line 1: more than ${many(MOST_COLUMNS)} columns`);
    const names = head.map((name) => name.toLowerCase());
    if (!INPUT.some((n) => names.includes(n)) || !OUTPUT.some((n) => names.includes(n))) {
      throw new LogFault("line 1: neither a JSON object nor the header of a CSV file with columns of input and output "
        + "tokens, such as prompt_tokens and completion_tokens");
    }
    kind = "csv";
  };
  return {
    line: (raw) => {
      line++;
      const text = (line === 1 ? raw.replace(/^\uFEFF/, "") : raw).trim();
      if (!text) return;
      if (!kind) { begin(text); if (kind === "csv") return; }
      try { (kind === "json" ? jsonLine : csvLine)(text); } catch (error) {  // one line stands in no other's way
        if (error instanceof LogFault) throw error;
        fault("laid out in a way that can't be read");
      }
    },
    told: () => {
      if (!requests) throw new LogFault(firstFault || "line 1: the file holds no request");
      if (skipped > MOST_FAULTS * (rows + skipped)) {
        throw new LogFault(`${firstFault}; ${many(skipped)} of ${many(rows + skipped)} lines can't be read`);
      }
      const known = counted ? null : rates(times.subarray(0, timed), from, to), prefix = shared.told();
      return { requests, skipped, firstFault, counted, span: to > from ? to - from : null,
        from: to > from ? from : null, input: input.told(), output: output.told(), rate: known,
        mean: to > from ? requests / (to - from) : null,
        cached: saysCached ? cached / inputs : null, prefix };
    },
  };
};

const tooLong = (line) => new LogFault(`line ${many(line)}: longer than ${LONGEST_LINE >> 20} MB`);

export const readLog = async (file, tell = () => {}) => {
  const read = reader(), decoder = new TextDecoder("utf-8"), stream = file.stream().getReader();
  let rest = "", done = 0, told = 0, lines = 0;
  for (;;) {
    const { value, done: end } = await stream.read();
    if (value) done += value.length;
    const text = rest + (value ? decoder.decode(value, { stream: true }) : decoder.decode());
    let from = 0;
    for (let to = text.indexOf("\n"); to >= 0; to = text.indexOf("\n", from)) {
      lines++;
      read.line(text.slice(from, to));
      from = to + 1;
    }
    rest = text.slice(from);
    if (rest.length > LONGEST_LINE) { await stream.cancel(); throw tooLong(lines + 1); }
    if (done - told >= TELL_EVERY) { told = done; tell(done / file.size); }
    if (end) break;
  }
  if (rest) read.line(rest);
  return read.told();
};

if (typeof DedicatedWorkerGlobalScope !== "undefined") {
  self.onmessage = async ({ data }) => {
    try {
      self.postMessage({ told: await readLog(data, (share) => self.postMessage({ share })) });
    } catch (error) {
      self.postMessage({ fault: error instanceof LogFault ? error.message : "the file can't be read" });
    }
  };
}
