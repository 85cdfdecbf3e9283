// The commands that check a prediction: how to serve the model as it was assumed, and the load to measure. Pure text.
// Options were read in the releases themselves: vLLM 0.33.0 (arg_utils.py, benchmarks/serve.py), SGLang 0.5.23
// (srt/server_args.py and its arg_groups) and TensorRT-LLM 1.2 (commands/serve.py), and before in the documentation of
// vLLM 0.11 and TensorRT-LLM 1.0.

export const VERSIONS = { vllm: "vLLM 0.11 to 0.33", sglang: "SGLang 0.5 up to 0.5.23",
  trtllm: "TensorRT-LLM 1.0 to 1.2" };
const WAVES = 10, LEAST_PROMPTS = 100;
// Formats that an engine makes of 16-bit weights while it loads them; every other one needs weights stored so
const WHILE_LOADING = { vllm: ["fp8"], sglang: ["fp8"], trtllm: [] };

const join = (words) => words.filter(Boolean).join(" \\\n  ");
// A name goes into a shell: the Hub's own letters go as they are, anything else is quoted
const shell = (name) => /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

const cacheFormat = (bytes) => bytes < 2;

const vllm = (w) => ({ serve: join([`vllm serve ${w.name}`,
  w.tensor > 1 && `--tensor-parallel-size ${w.tensor}`,
  w.pipeline > 1 && `--pipeline-parallel-size ${w.pipeline} --distributed-executor-backend ray`,
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
  if (engine === "sglang" && data > 1) {
    notes.push(`SGLang 0.5.23 still takes --dp-size ${data} --enable-dp-attention and warns: it calls both together `
      + `--attn-dp-size ${data} from now on.`);
  }
  if (engine === "trtllm") notes.push("TensorRT-LLM 1.2 calls --extra_llm_api_options also --config.");
  if (engine !== "vllm") {
    notes.push("The second command comes with vLLM, whichever engine serves: it only sends requests.");
  }
  notes.push("Prefix caching is off, because the prediction assumes that no two prompts begin alike.");
  const bench = join([`vllm bench serve --backend openai --host 127.0.0.1 --port 8000 --model ${w.name}`,
    `--dataset-name random --random-input-len ${input} --random-output-len ${output} --ignore-eos`,
    `--max-concurrency ${load} --request-rate inf --num-prompts ${prompts}`,
    "--percentile-metrics ttft,tpot,itl,e2el --metric-percentiles 50,95",
    "--save-result --result-filename result.json"]);
  return { serve: ENGINES[engine](w).serve, bench, notes };
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

// Of several runs, the one whose load is nearest to what was predicted
const nearest = (runs, load) => {
  const far = (run) => run.load ? Math.abs(Math.log(run.load / load)) : Infinity;
  return runs.reduce((best, run) => far(run) < far(best) ? run : best);
};

const nameOf = (run) => `${run.load ? `${run.load} at a time` : "load not stated"}, ${run.input || "?"} in, `
  + `${run.output || "?"} out`;

// The panel of an answer: both commands, what they assume, and a result file to hold against the prediction.
// `predicted` in seconds, `ms` writes seconds for a reader, `use` gets the measured row, `reader` is the module that
// reads result files.
export const panel = ({ html, given, predicted, ms, use, reader }) => {
  const { serve, bench, notes } = recipe(given), said = html("div", { role: "status", id: "checked" });
  const percent = (measured, told) => { const off = Math.round((measured / told - 1) * 100);
    return off ? `${Math.abs(off)}% ${off > 0 ? "slower" : "faster"} than predicted` : "as predicted"; };
  const shown = (row) => {
    const lines = [["TPOT", row.tpot, predicted.tpot], ["TTFT", row.ttft, predicted.ttft]].filter(([, m]) => m > 0)
      .map(([name, measured, told]) => html("li", {},
        `${name} ${ms(measured / 1e3)} measured, ${ms(told)} predicted: ${percent(measured / 1e3, told)}.`));
    const other = [["input tokens", row.input, given.input], ["output tokens", row.output, given.output],
      ["concurrent requests", row.load, given.load]].filter(([, m, told]) => m && Math.abs(m / told - 1) > 0.1);
    return [html("ul", {}, ...lines),
      ...row.notes.map((note) => html("p", { class: "source" }, `In the file: ${note}.`)),
      ...(other.length ? [html("p", { class: "notice" }, `It measured a different load: ${other.map(([name, m, told]) =>
        `${m} ${name} where ${told} were predicted`).join(", ")}.`)] : []), html("p", {}, html("button",
        { type: "button", onclick: () => use(row) }, "Calibrate this page with it"), " ",
      html("a", { href: "/submit" }, "Report it to the site"), ", where the same file can be sent.")];
  };
  const refuse = (text) => said.replaceChildren(html("p", { class: "fault" }, text));
  const offer = ({ tool, runs }) => {
    const timed = runs.filter((run) => run.tpot);
    if (!timed.length) { refuse(`It is ${tool}’s, but it states no time per output token.`); return; }
    const best = nearest(timed, given.load), place = html("div", {}, ...shown(best));
    const choice = html("select", { id: "result-run", onchange: () => place.replaceChildren(
      ...shown(timed[Number(choice.value)])) }, ...timed.map((run, i) => html("option", { value: String(i),
      selected: run === best }, nameOf(run))));
    said.replaceChildren(...(timed.length > 1 ? [html("div", { class: "field" }, html("label", { for: "result-run" },
      `${timed.length} runs; the one nearest to the prediction is chosen`), choice)] : []), place);
  };
  const file = html("input", { type: "file", id: "result-file", accept: ".json,.jsonl,.csv,.txt,.log,application/json",
    onchange: async (event) => {
      const [chosen] = event.target.files;
      event.target.value = "";
      if (!chosen) return;
      if (chosen.size > LARGEST) { refuse("This file is larger than 64 MB."); return; }
      const { runsOf } = await import(reader);
      let told = null;
      try { told = runsOf(await chosen.text()); } catch { told = { fault: "The file can’t be read in this browser." }; }
      if (told.fault) refuse(told.fault); else offer(told);
    } });
  return [...copied(html, "Serve it", serve), ...copied(html, "Measure it", bench),
    ...notes.map((note) => html("p", { class: "source" }, note)),
    html("p", { class: "source" }, `Options checked in ${VERSIONS[given.engine]}`
      + `${given.engine === "vllm" ? "" : `; the second command’s in ${VERSIONS.vllm}`}.`),
    html("div", { class: "field" }, html("label", { for: "result-file" }, "Your result file"), file),
    html("p", { class: "source" }, "Of vLLM, SGLang, genai-perf, AIPerf, GuideLLM, LLMPerf or InferenceX. It is "
      + "read in this browser and not kept."), said];
};
