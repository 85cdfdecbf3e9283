// The other way round: which single change of the question would lower the cost, ranked. Loaded when asked for.

const ENGINES = { vllm: "vLLM", sglang: "SGLang", trtllm: "TensorRT-LLM" };
const SMALLER = ["fp8", "nvfp4", "mxfp4", "int8", "int4"];

// [what is changed, the question then] for every single change worth trying, from the question `input`
export const changes = (input, stored, precisions, ms) => {
  const asked = input.precision || stored, found = [];
  const try_ = (label, changed) => found.push([label, { ...input, ...changed }]);
  for (const precision of SMALLER) {
    if (precisions.includes(precision) && precision !== asked && asked !== "any") {
      try_(`${precision} weights`, { precision });
    }
  }
  if (!input.kv || Number(input.kv) > 1) try_("an 8-bit KV cache", { kv: "1" });
  for (const engine of Object.keys(ENGINES)) if (engine !== input.engine) try_(ENGINES[engine], { engine });
  for (const key of ["ttft", "tpot"]) {
    const value = Number(input[key]) * 2;
    try_(`${key.toUpperCase()} of ${ms(value / 1e3)} instead of ${ms(Number(input[key]) / 1e3)}`,
      { [key]: String(value) });
  }
  if (input.sure) try_("targets met by the prediction itself, not by the slow end of its range", { sure: false });
  if (Number(input.utilisation) < 80) try_("a planned utilisation of 80%", { utilisation: "80" });
  if (Number(input.spare) > 0) try_("no spare replica", { spare: "0" });
  if (!input["on-demand"]) try_("allowing prices on demand", { "on-demand": true });
  if (!input.spot) try_("allowing spot prices", { spot: true });
  if (!input.reserved) try_("allowing reserved prices", { reserved: true });
  return found;
};

// `best` gives { cost, what } of a question, or null where no GPU qualifies; each is asked in a slice of its own, so
// that the page stays awake. Ranked by cost.
export const ranked = async (tried, best, progress = () => {}) => {
  const rows = [];
  for (const [i, [label, changed]] of tried.entries()) {
    progress(i / tried.length);
    await new Promise((done) => setTimeout(done));
    const found = best(changed);
    if (found) rows.push({ label, changed, ...found });
  }
  return rows.sort((a, b) => a.cost - b.cost);
};

export const panel = ({ html, now, tried, best, usd, use }) => {
  const bar = html("progress", { max: 1, value: 0, "aria-label": "Trying changes" });
  const said = html("div", { role: "status", id: "lower-said" });
  const run = async () => {
    const rows = await ranked(tried, best, (share) => { bar.value = share; });
    bar.remove();
    const less = now ? rows.filter((row) => row.cost < now * 0.995) : rows;
    if (!less.length) { said.textContent = "No single change costs less."; return; }
    const half = now && less.find((row) => row.cost <= now / 2);
    said.replaceChildren(html("p", {}, now ? half ? `One change is enough to halve the cost: ${half.label}.`
      : "No single change halves the cost." : "No GPU qualifies as it stands; with one change these do."),
    html("ol", {}, ...less.map((row) => html("li", {}, `${row.label}: ${usd(row.cost)} a month`
      + (now ? `, ${Math.round((1 - row.cost / now) * 100)}% less` : ""), `, on ${row.what} `,
    html("button", { type: "button", "aria-label": `Try ${row.label}`, onclick: () => use(row.changed) }, "Try it")))),
    html("p", { class: "source" }, "One change at a time, all else equal. Lighter weights and caches can cost "
      + "answer quality; spot machines can be reclaimed."));
  };
  run();
  return [bar, said];
};
