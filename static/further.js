// The calculator's folded parts: real traffic, a log of one's own, a day's load, what would lower the cost, how to
// check an answer.
// This module and those it loads come only when one of them is opened.

let log = null, drawn = null;

const sum = (counts) => counts.reduce((a, b) => a + b, 0);

// Machines of the chosen GPU as units of replicas: for the whole day those of a term and one's own, by the hour those
// on demand and spot. Of each size only the cheapest.
export const unitsOf = ({ row, offers, n, input, usd }, atSpot) => {
  const gpus = row.layout.tensor * row.layout.data * row.layout.pipeline, machine = gpus / row.layout.pipeline;
  const best = new Map();
  for (const offer of offers) {
    const size = offer.size || machine;
    if (size < gpus && size !== machine) continue;
    const replicas = Math.max(Math.floor(size / gpus), 1);
    const told = offer.tier !== "spot" || offer.every;  // a spot price holds what reclaims cost where known
    const hour = Math.max(size, gpus) * (told ? offer.usd : atSpot(offer.usd));
    const kind = { "on-demand": "on demand", spot: "spot", reserved: `for ${offer.months} months` }[offer.tier];
    const key = `${offer.tier} ${replicas}`, unit = { replicas, usd: hour, tier: offer.tier,
      name: `of ${Math.max(size, gpus)} × ${row.gpu.name} ${kind} from ${offer.provider} at ${usd(hour)} an hour` };
    if (!(best.get(key)?.usd <= hour)) best.set(key, unit);
  }
  const all = [...best.values()];
  const base = all.filter((unit) => unit.tier === "reserved"), burst = all.filter((unit) => unit.tier !== "reserved");
  if (n.ownusd && input.owngpu === row.gpu.slug && (n.ownsize ?? machine) >= machine) {
    const size = Math.max(n.ownsize ?? machine, gpus), hour = size * n.ownusd;
    base.push({ replicas: Math.floor(size / gpus), usd: hour, tier: "own",
      name: `of your own at ${usd(hour)} an hour` });
  }
  return { base, burst };
};

const cheapestApi = (now) => {
  const each = (a) => (now.n.input * a[1] + now.n.output * a[2]) / 1e6;
  const api = (now.sheet.api.prices[now.model.slug] ?? []).reduce((a, b) => a && each(a) <= each(b) ? a : b, null);
  return api && { usd: each(api), name: api[0] };
};

const none = (html, text) => [html("p", { class: "empty" }, text)];

const parts = {
  real: async (now, modules) => {
    const [made, Q, S] = await Promise.all([modules.panel, modules.queueing, modules.sessions].map((m) => import(m)));
    const taken = (name, key) => log && Number(now.input[key]) === log[name].p95
      && now.n[name] === Math.max(Math.round(log[name].mean), 1) ? Q.counted(log[name].steps) : null;
    return made.panel({ html: now.html, now, Q, S, modules,
      points: { p95in: taken("input", "p95in"), p95out: taken("output", "p95out") } });
  },
  log: async ({ html, set, many, short }, { panel, worker }) => (await import(panel)).panel({ html, worker, many, short,
    use: (figures) => set(Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, String(value)]))),
    keep: (found) => { log = found; } }),
  lower: async (now, { panel }) => {
    const { changes, panel: made } = await import(panel);
    return made({ html: now.html, usd: now.usd, now: now.rows[0]?.cost.usd_month ?? null, use: now.set,
      tried: changes(now.input, now.model.precision, now.precisions, now.ms),
      best: (input) => { const [best] = now.cheapest(input);
        return best ? { cost: best.cost.usd_month, what: now.hardware(best) } : null; } });
  },
  day: async (now, { panel, day }) => {
    const row = now.row, [made, D] = await Promise.all([import(panel), import(day)]);
    if (!row) return none(now.html, "No GPU qualifies, so there is nothing to plan a day with.");
    const n = now.n, offers = now.offersOf(now.sheet.gpus.indexOf(row.gpu)), { html, usd, many, short } = now;
    return made.panel({ html, usd, many, short, D, stretch: now.stretch, rate: n.rate, least: n.least, spare: n.spare,
      replicaRate: row.speed.throughput / n.output * (n.utilisation / 100), api: cheapestApi(now),
      units: (atSpot) => unitsOf({ ...now, offers }, atSpot), byHour: log?.rate?.byHour ?? null, drawn,
      keep: (rates, rate) => { drawn = sum(rates) ? rates.map((r) => r / rate) : null; } });
  },
  check: async (now, { panel, reader }) => {
    const { row, model, n, input } = now;
    return (await import(panel)).panel({ html: now.html, ms: now.ms, predicted: row.speed, reader,
      given: { engine: input.engine, name: `${model.owner}/${model.name}`, stored: model.precision, layout: row.layout,
        input: n.input, output: n.output, load: row.load },
      use: (measured) => now.calibrate({ minegpu: row.gpu.slug, minegpus: String(row.layout.tensor * row.layout.data),
        mineload: String(measured.load || row.load), mineinput: String(measured.input || n.input),
        mineoutput: String(measured.output || n.output), minetpot: String(+measured.tpot.toPrecision(5)),
        minettft: measured.ttft ? String(+measured.ttft.toPrecision(5)) : "" }) });
  },
};

// Fill the folded part `place`, a details element that names itself and its modules, from what is asked now
export const open = async (place, now) => {
  const { part, ...modules } = place.dataset;
  place.querySelector(".inside").replaceChildren(...await parts[part](now, modules));
};
