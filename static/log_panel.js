// A log of one's own: its worker, the progress, what it shows, and the figures to compute with. Loaded when asked for.

const DAY = 86400;
const whole = (n) => Math.round(n).toLocaleString("en");
const percent = (share) => `${Math.round(share * 100)}%`;
const date = (seconds) => new Date(seconds * 1e3).toISOString().slice(0, 16).replace("T", " ");

const span = (seconds, short) => seconds >= 2 * DAY ? `${short(seconds / DAY)} days` : seconds >= 7200
  ? `${short(seconds / 3600)} hours` : `${short(seconds / 60)} minutes`;

const tokens = (l, spread) => `${whole(l.mean)} on average`
  + (spread ? `; half are up to ${whole(l.p50)}, 95% up to ${whole(l.p95)}, the longest ${whole(l.max)}` : "");

// How much more gaps vary than those of independent arrivals do, in words
const burst = (variation, short) => variation < 0.7 ? "steadier than independent arrivals"
  : variation < 1.5 ? "like independent arrivals"
    : `in bursts: gaps vary ${short(variation)} times as much as those of independent arrivals`;

export const factsOf = (log, { many, short }) => [
  ["Requests", whole(log.requests) + (log.span ? ` in ${span(log.span, short)}` : "")],
  ["Input tokens", tokens(log.input, !log.counted)], ["Output tokens", tokens(log.output, !log.counted)],
  ...(log.rate ? [["Rate", `${short(log.rate.mean)} a second on average, ${short(log.rate.busiest)} in the busiest `
    + `hour (from ${date(log.rate.from)} UTC)`],
  ...(log.rate.burst === null ? [] : [["Arrivals", burst(log.rate.burst, short)]])]
    : log.mean ? [["Rate", `${short(log.mean)} a second on average`]] : [["Rate", "the file states no times"]]),
  ...(log.cached === null ? [] : [["Cached", `${percent(log.cached)} of the input tokens came from a prefix cache`]]),
  ...(log.prefix ? [["Shared beginnings", `${percent(log.prefix.share)} of the prompts stand at the beginning of an `
    + `earlier one${log.prefix.full ? " among those that fit in memory" : ""}: what a prefix cache could save `
    + "at most"]] : []),
  ...(log.skipped ? [["Left out", `${many(log.skipped, "line")} that can’t be read; the first is ${log.firstFault}`]]
    : []),
];

// The figures to compute with: mean lengths and how they spread, the rate of the busiest hour and how uneven arrivals
// are where the log states times, and what a prefix cache held or could have held
const bounded = (value, low, high) => String(+Math.min(Math.max(value, low), high).toPrecision(3));
const cachedOf = (log) => log.cached ?? log.prefix?.share ?? 0;
export const figuresOf = (log) => ({ input: Math.max(Math.round(log.input.mean), 1),
  output: Math.max(Math.round(log.output.mean), 1), p95in: log.counted ? "" : log.input.p95,
  p95out: log.counted ? "" : log.output.p95, burst: log.rate?.burst > 0 ? bounded(log.rate.burst, 0.05, 50) : "",
  peak: "", turns: "", shared: "", pause: "", reuse: cachedOf(log) ? bounded(cachedOf(log) * 100, 0, 99) : "",
  ...(log.rate || log.mean ? { rate: +(log.rate?.busiest ?? log.mean).toPrecision(4) } : {}) });

export const panel = ({ html, many, short, worker, use, keep }) => {
  const bar = html("progress", { max: 1, value: 0, hidden: true, "aria-label": "Reading the log" });
  const said = html("div", { role: "status", id: "log-said" });
  let reading = null;
  const stop = () => { reading?.terminate(); reading = null; bar.hidden = true; };
  const shown = (log) => said.replaceChildren(html("dl", { class: "facts" },
    ...factsOf(log, { many, short }).map(([name, text]) =>
    html("div", {}, html("dt", {}, name), html("dd", {}, text)))),
    html("p", {}, html("button", { type: "button", onclick: () => use(figuresOf(log)) }, "Compute with these figures")),
    html("p", { class: "source" }, "Mean lengths and the rate of the busiest hour go into the sentence, the spread "
      + "of lengths, arrivals and cache hits into “Realistic traffic”. The file was read in this browser and is not "
      + "kept."));
  const file = html("input", { type: "file", id: "log-file", accept: ".jsonl,.ndjson,.json,.csv,.log,.txt",
    onchange: (event) => {
      const [chosen] = event.target.files;
      event.target.value = "";
      if (!chosen) return;
      stop();
      said.textContent = `Reading ${chosen.name.slice(0, 80)}…`;
      bar.value = 0; bar.hidden = false;
      reading = new Worker(worker, { type: "module" });
      reading.onerror = () => { stop(); said.textContent = "The file can’t be read in this browser."; };
      reading.onmessage = ({ data }) => {
        if (data.share !== undefined) { bar.value = data.share; return; }
        stop();
        if (data.told) { keep(data.told); shown(data.told); }
        else said.replaceChildren(html("p", { class: "fault" }, `This log can't be read: ${data.fault}.`));
      };
      reading.postMessage(chosen);
    } });
  return [html("p", { class: "source" }, "A usage log in JSON Lines or CSV, with a line for each request: OpenAI, "
    + "LiteLLM, vLLM, SGLang, and the public traces of Azure, BurstGPT and Mooncake."),
    html("div", { class: "field" }, html("label", { for: "log-file" }, "Log file"), file), bar, said];
};
