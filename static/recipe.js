// The commands that check a prediction: how to serve the model as it was assumed, and the load to measure. Pure text.
// Options were read in the documentation of vLLM 0.11 to 0.15 (vllm serve, vllm bench serve), SGLang 0.5
// (sglang.launch_server) and TensorRT-LLM 1.x (trtllm-serve with its YAML file).

export const VERSIONS = { vllm: "vLLM 0.11 to 0.15", sglang: "SGLang 0.5", trtllm: "TensorRT-LLM 1.x" };
const WAVES = 10, LEAST_PROMPTS = 100;
// Formats that an engine makes of 16-bit weights while it loads them; every other one needs weights stored so
const WHILE_LOADING = { vllm: ["fp8"], sglang: ["fp8"], trtllm: [] };

const join = (words) => words.filter(Boolean).join(" \\\n  ");
// A name goes into a shell: the Hub's own letters go as they are, anything else is quoted
const shell = (name) => /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

const cacheFormat = (bytes) => bytes < 2;

const vllm = (w) => ({ serve: join([`vllm serve ${w.name}`,
  w.tensor > 1 && `--tensor-parallel-size ${w.tensor}`, w.pipeline > 1 && `--pipeline-parallel-size ${w.pipeline}`,
  w.data > 1 && `--data-parallel-size ${w.data}`, w.experts && "--enable-expert-parallel",
  `--max-model-len ${w.context}`, `--max-num-seqs ${w.running}`, w.online && `--quantization ${w.precision}`,
  w.half && "--dtype half", w.cache8 && "--kv-cache-dtype fp8", "--no-enable-prefix-caching"]) });

const sglang = (w) => ({ serve: join([`python -m sglang.launch_server --model-path ${w.name} --port 8000`,
  w.tensor * w.data > 1 && `--tp-size ${w.tensor * w.data}`, w.pipeline > 1 && `--pp-size ${w.pipeline}`,
  w.data > 1 && `--dp-size ${w.data} --enable-dp-attention`, w.experts && `--ep-size ${w.tensor * w.data}`,
  `--context-length ${w.context}`, `--max-running-requests ${w.running}`, w.online && `--quantization ${w.precision}`,
  w.half && "--dtype half", w.cache8 && "--kv-cache-dtype fp8_e4m3", "--disable-radix-cache"]) });

const trtllm = (w) => {
  const yaml = [w.data > 1 && "enable_attention_dp: true", "kv_cache_config:", "  enable_block_reuse: false",
    w.cache8 && "  dtype: fp8"].filter(Boolean);
  return { serve: `cat > options.yaml <<'END'\n${yaml.join("\n")}\nEND\n` + join([`trtllm-serve ${w.name}`,
    w.tensor * w.data > 1 && `--tp_size ${w.tensor * w.data}`, w.pipeline > 1 && `--pp_size ${w.pipeline}`,
    w.experts && `--ep_size ${w.tensor * w.data}`, `--max_seq_len ${w.context}`, `--max_batch_size ${w.running}`,
    "--extra_llm_api_options options.yaml"]) };
};
const ENGINES = { vllm, sglang, trtllm };

// { serve, bench, notes } of an answer: the model `name` of the Hub, whose weights are stored as `stored`, laid out as
// `layout`, with prompts of `input` and answers of `output` tokens and `load` requests in flight on each replica.
export const recipe = ({ engine, name, stored, layout, input, output, load }) => {
  const { precision, tensor, data, pipeline } = layout, wide = ["bf16", "fp16", "fp32"];
  const other = precision !== stored && !(wide.includes(precision) && wide.includes(stored));
  const online = other && wide.includes(stored) && WHILE_LOADING[engine].includes(precision);
  const w = { name: shell(name), precision, tensor, data, pipeline, experts: layout.experts_split, online,
    half: precision === "fp16" && stored !== "fp16", context: input + output + 16, running: Math.ceil(load / data),
    cache8: cacheFormat(layout.kv_bytes) };
  const prompts = Math.max(WAVES * load, LEAST_PROMPTS), notes = [];
  if (engine !== "vllm") w.running = load;
  if (other && !online) {
    notes.push(`The prediction is for ${precision} weights and ${name} stores ${stored}: name a copy of it in `
      + `${precision} instead.`);
  }
  if (pipeline > 1) {
    notes.push(engine === "vllm" ? "Two machines: start Ray on both first, and run the first command on one of them."
      : "Two machines: run it on both, as the engine’s guide to several nodes says.");
  }
  notes.push("Prefix caching is off, because the prediction assumes that no two prompts begin alike.");
  const bench = join([`vllm bench serve --backend openai --host 127.0.0.1 --port 8000 --model ${w.name}`,
    `--dataset-name random --random-input-len ${input} --random-output-len ${output} --ignore-eos`,
    `--max-concurrency ${load} --request-rate inf --num-prompts ${prompts}`,
    "--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,95",
    "--save-result --result-filename result.json"]);
  return { serve: ENGINES[engine](w).serve, bench, notes };
};

const first = (row, ...keys) => keys.map((key) => Number(row[key])).find((v) => Number.isFinite(v) && v > 0);

// What a result file of vllm bench serve or SGLang's bench_serving says: { tpot, ttft, load, input, output } with
// milliseconds, or { fault } in a sentence
export const resultOf = (text) => {
  let row = null;
  try { row = JSON.parse(text); } catch {
    try { row = JSON.parse(text.trim().split("\n").at(-1)); } catch { row = null; }
  }
  if (Array.isArray(row)) row = row.at(-1);
  if (!row || typeof row !== "object") {
    return { fault: "This is not JSON; use the file written by --save-result." };
  }
  const completed = first(row, "completed"), tpot = first(row, "median_tpot_ms", "mean_tpot_ms"),
    ttft = first(row, "median_ttft_ms", "mean_ttft_ms");
  if (!completed || !tpot) {
    return { fault: "It names no completed requests or no TPOT; the file that vllm bench serve --save-result writes "
      + "would do." };
  }
  const each = (total) => total ? Math.max(Math.round(total / completed), 1) : 0;
  return { tpot, ttft: ttft ?? 0, load: Math.round(first(row, "max_concurrency") ?? 0),
    input: each(first(row, "total_input_tokens", "total_input")),
    output: each(first(row, "total_output_tokens", "total_output")) };
};

const copied = (html, label, text) => {
  const said = html("span", { role: "status", class: "source" });
  return [html("h4", {}, label), html("pre", { tabindex: "0", "aria-label": label }, html("code", {}, text)),
    html("p", {}, html("button", { type: "button", onclick: async () => {
      try { await navigator.clipboard.writeText(text); said.textContent = " Copied."; }
      catch { said.textContent = " This browser doesn't allow copying; select the lines instead."; }
    } }, "Copy"), said)];
};

const LARGEST = 64e6;

// The panel of an answer: both commands, what they assume, and a result file to hold against the prediction.
// `predicted` in seconds, `ms` writes seconds for a reader, `use` gets the measured row.
export const panel = ({ html, given, predicted, ms, use }) => {
  const { serve, bench, notes } = recipe(given), said = html("div", { role: "status", id: "checked" });
  const percent = (measured, told) => { const off = Math.round((measured / told - 1) * 100);
    return off ? `${Math.abs(off)}% ${off > 0 ? "slower" : "faster"} than predicted` : "as predicted"; };
  const shown = (row) => {
    const lines = [["TPOT", row.tpot, predicted.tpot], ["TTFT", row.ttft, predicted.ttft]].filter(([, m]) => m > 0)
      .map(([name, measured, told]) => html("li", {},
        `${name} ${ms(measured / 1e3)} measured, ${ms(told)} predicted: ${percent(measured / 1e3, told)}.`));
    const other = [["input tokens", row.input, given.input], ["output tokens", row.output, given.output],
      ["concurrent requests", row.load, given.load]].filter(([, m, told]) => m && Math.abs(m / told - 1) > 0.1);
    said.replaceChildren(html("ul", {}, ...lines), ...(other.length ? [html("p", { class: "notice" },
      `It measured a different load: ${other.map(([name, m, told]) => `${m} ${name} where ${told} were predicted`)
        .join(", ")}.`)] : []), html("p", {}, html("button", { type: "button", onclick: () => use(row) },
      "Calibrate this page with it"), " ", html("a", { href: "/submit" }, "Report it to the site"),
      ", where the same file can be sent."));
  };
  const file = html("input", { type: "file", id: "result-file", accept: ".json,.jsonl,application/json",
    onchange: async (event) => {
      const [chosen] = event.target.files;
      event.target.value = "";
      if (!chosen) return;
      const row = chosen.size > LARGEST ? { fault: "This file is larger than 64 MB." } : resultOf(await chosen.text());
      if (row.fault) said.replaceChildren(html("p", { class: "fault" }, row.fault)); else shown(row);
    } });
  return [...copied(html, "Serve it", serve), ...copied(html, "Measure it", bench),
    ...notes.map((note) => html("p", { class: "source" }, note)),
    html("p", { class: "source" }, `Options as documented for ${VERSIONS[given.engine]}.`),
    html("div", { class: "field" }, html("label", { for: "result-file" }, "Your result file"), file), said];
};
