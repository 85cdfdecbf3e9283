// Result files of benchmark tools, read in the browser as the site reads them: app/submissions/result_files. A test
// holds both to the same files. Pure; loaded when the first file is chosen.

const MOST_ROWS = 5000, MOST_COLUMNS = 300, MOST_LINES = 1e6;

// A measured figure, 0 where it is none; a count; a total over what was completed
const number = (value, least = 1e-6) => {
  if (typeof value !== "number" && (typeof value !== "string" || !value.trim())) return 0;
  const found = Number(value);
  return Number.isFinite(found) && found >= least && found < 1e12 ? found : 0;
};
const whole = (value) => {
  const n = number(value, 1);
  return Math.abs(n - Math.round(n)) < 1e-6 ? Math.round(n) : 0;
};
const average = (total, count) => {
  const all = number(total, 1), of = number(count, 1);
  return of && all >= of ? Math.round(all / of) : 0;
};
const rounded = (value) => { const n = number(value, 0.5); return n ? Math.max(1, Math.round(n)) : 0; };
const only = (value) => Array.isArray(value) && value.length === 1 ? value[0] : value;
const inside = (row, ...path) => only(path.reduce((at, name) => only(at)?.[name], row));
const text = (value) => typeof value === "string" ? value.trim().slice(0, 120) : "";
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const jsonRows = (written) => {
  const objects = (value) => (Array.isArray(value) ? value : [value]).slice(0, 2 * MOST_ROWS)
    .filter(isObject);
  const from = written.search(/^[ \t]*[[{]/m);  // what a program prints before its JSON is passed over
  if (from < 0) return null;
  try { return objects(JSON.parse(written.slice(from))); } catch { /* perhaps a line for each run */ }
  const found = [];
  for (const line of written.slice(from).split("\n", MOST_LINES)) {
    if (!/^\s*[[{]/.test(line)) continue;
    try { found.push(...objects(JSON.parse(line))); } catch { return []; }
  }
  return found;
};

const csvRows = (written) => {
  const lines = written.split(/\r?\n/, MOST_LINES), mark = [",", ";", "\t"].reduce((a, b) =>
    lines[0].split(b).length > lines[0].split(a).length ? b : a);
  const wide = lines[0].split(mark).length;
  if (wide < 4 || wide > MOST_COLUMNS) return [];
  const cells = (line) => {
    const found = [""];
    let quoted = false;
    for (const letter of line) {
      if (letter === '"') quoted = !quoted;
      else if (letter === mark && !quoted) found.push("");
      else found[found.length - 1] += letter;
    }
    return found;
  };
  const [heading, ...rest] = lines.filter(Boolean).slice(0, MOST_ROWS).map(cells);
  return rest.map((row) => Object.fromEntries(heading.map((name, i) => [name, row[i] ?? ""])));
};

const CONSOLE = new Map(Object.entries({ "successful requests": "completed", "failed requests": "failed",
  "total input tokens": "total_input_tokens", "total generated tokens": "total_output_tokens",
  "median ttft (ms)": "median_ttft_ms", "median tpot (ms)": "median_tpot_ms", "median itl (ms)": "median_itl_ms",
  "maximum request concurrency": "max_concurrency", "max request concurrency": "max_concurrency",
  "output token throughput (tok/s)": "output_throughput" }));
const consoleRows = (written) => written.split("Serving Benchmark Result").slice(1).map((part) => Object.fromEntries(
  part.split("\n").slice(0, 80).map((line) => line.match(/^\s*([^:]{3,60}):\s+(\S+)\s*$/))
    .filter((found) => found && CONSOLE.has(found[1].trim().toLowerCase()))
    .map(([, name, value]) => [CONSOLE.get(name.trim().toLowerCase()), value])));

const MARKS = ["output_throughput", "median_ttft_ms", "mean_ttft_ms", "total_output_tokens", "median_tpot_ms"];
const marks = (row) => MARKS.filter((name) => name in row).length;

const serving = (row) => {
  const completed = number(row.completed, 1), asked = number(row.num_prompts, 1);
  if ("completed" in row && !completed) return null;
  const failed = number(row.failed, 1) || Math.max(0, asked && asked - completed);
  const means = !["median_ttft_ms", "median_tpot_ms", "median_itl_ms"].some((name) => name in row);
  const byGaps = !("median_tpot_ms" in row) && number(row.median_itl_ms);
  const known = !("dataset_name" in row) || row.dataset_name === "random";
  const length = (total, wanted) => average(row[total], completed)
    || (!(total in row) && known ? whole(row[wanted]) : 0);
  return { load: completed && number(row.max_concurrency, 1) > completed + failed ? 0 : whole(row.max_concurrency),
    input: length("total_input_tokens", "random_input_len"),
    output: length("total_output_tokens", "random_output_len"),
    ttft: number(means ? row.mean_ttft_ms : row.median_ttft_ms),
    tpot: means ? number(row.mean_tpot_ms) : number(row.median_tpot_ms) || byGaps || 0,
    notes: [failed ? `${Math.round(failed)} of ${Math.round(completed + failed)} requests failed` : "",
      means ? "the times are means; the file gives no median" : "",
      byGaps ? "the time per output token is the median gap between tokens" : ""] };
};

const UNITS = new Map(Object.entries({ ms: 1, s: 1e3, sec: 1e3, us: 1e-3, ns: 1e-6 }));
const genaiPerf = (row) => {
  const p50 = (name) => number(inside(row, name, "p50")) * (UNITS.get(inside(row, name, "unit")) ?? 0);
  const config = row.input_config ?? {}, { phases } = config;
  return { load: whole(inside(config, "perf_analyzer", "stimulus", "concurrency") || inside(config, "concurrency")
    || inside(config, "loadgen", "concurrency") || (Array.isArray(phases) && phases.at(-1)?.concurrency)),
  input: rounded(inside(row, "input_sequence_length", "avg")),
  output: rounded(inside(row, "output_sequence_length", "avg")), ttft: p50("time_to_first_token"),
  tpot: p50("inter_token_latency"),
  notes: [row.was_cancelled === true ? "the run was cancelled before its end" : ""] };
};

const llmperf = (row) => ({ load: whole(row.num_concurrent_requests),
  input: rounded(row.results_number_input_tokens_mean || row.mean_input_tokens),
  output: rounded(row.results_number_output_tokens_mean || row.mean_output_tokens),
  ttft: 1e3 * number(row.results_ttft_s_quantiles_p50),
  tpot: 1e3 * number(row.results_inter_token_latency_s_quantiles_p50),
  notes: [number(row.results_number_errors, 1) ? `${row.results_number_errors} requests failed` : ""] });

const guidellm = (row) => row.benchmarks.filter(isObject).slice(0, MOST_ROWS).map((one) => {
  const of = (name, what) => inside(one, "metrics", name, "successful", what);
  const strategy = inside(one, "args", "strategy") || inside(one, "config", "strategy")
    || inside(one, "scheduler", "strategy");
  return { load: whole(inside(strategy, "streams") || inside(strategy, "max_concurrency")),
    input: rounded(of("prompt_token_count", "mean")), output: rounded(of("output_token_count", "mean")),
    ttft: number(of("time_to_first_token_ms", "median")), tpot: number(of("inter_token_latency_ms", "median")),
    notes: [] };
});

const inferencex = (row) => ({ load: whole(row.conc), input: whole(row.isl), output: whole(row.osl),
  ttft: 1e3 * number(row.median_ttft), tpot: 1e3 * number(row.median_tpot), notes: [] });

// [the tool, whether a row is its, its runs]
const TOOLS = [["vLLM’s or SGLang’s serving benchmark", (row) => marks(row) >= 2, serving],
  ["genai-perf or AIPerf", (row) => isObject(row.time_to_first_token) || isObject(row.output_token_throughput),
    genaiPerf],
  ["LLMPerf", (row) => "results_ttft_s_quantiles_p50" in row || "results_inter_token_latency_s_quantiles_p50" in row,
    llmperf],
  ["GuideLLM", (row) => Array.isArray(row.benchmarks) && row.benchmarks.some((one) => isObject(one)
    && "metrics" in one), guidellm],
  ["InferenceX", (row) => "tput_per_gpu" in row && "conc" in row, inferencex]];

// Files that measured something else, by name: [whether it is one, what to say]
const llamaCpp = "which measures llama.cpp; predicted here are vLLM, SGLang and TensorRT-LLM. The site takes it as a "
  + "report";
const OTHERS = [
  [(row) => "avg_ts" in row && "n_gen" in row, `This is llama-bench’s, ${llamaCpp}.`],
  [(row) => "speed_tg" in row && "pl" in row, `This is llama-batched-bench’s, ${llamaCpp}.`],
  [(row) => "avg_latency" in row && "latencies" in row, "This is vLLM’s bench latency: it times whole answers of one "
    + "batch. The result of vllm bench serve would do."],
  [(row) => "elapsed_time" in row && "tokens_per_second" in row, "This is vLLM’s bench throughput: its tokens/s "
    + "count prompts too. The result of vllm bench serve would do."],
  [(row) => text(row.backend).includes("embedding") || ("mean_e2el_ms" in row && !MARKS.some((name) =>
    name !== "total_output_tokens" && name in row)), "This is a benchmark of embeddings or pooling, which make no "
    + "tokens."],
  [(row) => isObject(row.performance) && "world_info" in row, "This is trtllm-bench’s: its times are averages over a "
    + "run that offers all requests at once. The second command above measures the load that was predicted."]];

// What a result file says: { tool, runs } with times in milliseconds and 0 where it says nothing, or { fault }
export const runsOf = (given) => {
  const written = given.replace(/^\ufeff/, "").trim();
  if (!written) return { fault: "The file is empty." };
  const read = jsonRows(written), isJson = /^[[{]/.test(written);
  if (read && !read.length && isJson) {
    return { fault: "It is neither whole JSON nor JSON Lines; perhaps it was cut off." };
  }
  const inserted = written.search(/INSERT INTO \w+ \(/);  // the first alone: each other would be read to the end
  const table = /^\|.*\bt\/s\b/m.test(written)
    || (inserted >= 0 && /\bavg_ts\b/.test(written.slice(inserted).split(")", 2).join()));
  if (table) return { fault: OTHERS[0][1] };
  const rows = read?.length ? read : written.includes("Serving Benchmark Result") ? consoleRows(written)
    : csvRows(written);
  const other = OTHERS.find(([is]) => rows.some(is));
  let tool = "";
  const runs = rows.slice(0, MOST_ROWS).flatMap((row) => {
    const found = TOOLS.find(([, is]) => is(row));
    if (!found) return [];
    [tool] = found;
    return [found[2](row)].flat().filter(Boolean);
  });
  if (!runs.length && other) return { fault: other[1] };
  if (!runs.length) {
    return { fault: tool ? "No request of it succeeded, so that nothing was measured." : "No result was recognised "
      + `in it. Read are the files of ${TOOLS.map(([name]) => name).join(", ")}; the file that vllm bench serve `
      + "--save-result writes would do." };
  }
  return { tool, runs: runs.map((run) => ({ ...run, notes: run.notes.filter(Boolean) })) };
};
