// The calculator's page. It loads one sheet, the same for everyone, and computes; nothing typed or chosen is sent.

const root = document.getElementById("calculator");
const [E, S, P, R] = await Promise.all([import(root.dataset.estimate), import(root.dataset.scenarios),
  import(root.dataset.plots), import(root.dataset.results)]);
const { html } = P, { usd, ms, many } = R;
const $ = (id) => document.getElementById(id);
const fields = [...root.querySelectorAll("[data-key]")];
const SHOWN = 12, COMPARED = 4;
let sheet = null, view = null, chosen = "", all = false, compared = new Set(), scenarios = [];

// What a number field may hold, said at the field
const RULES = {
  input: [1, 2e6, "from 1 to 2,000,000 tokens, for example 1000", true],
  output: [1, 2e6, "from 1 to 2,000,000 tokens, for example 300", true],
  rate: [1e-6, 1e5, "above 0 and at most 100,000, for example 2.5"],
  ttft: [1, 1e8, "from 1 to 100,000,000 ms, for example 300"],
  tpot: [1e-2, 1e5, "above 0, for example 50"],
  budget: [0.01, 1e9, "above 0, or empty"], utilisation: [1, 100, "from 1 to 100, for example 60"],
  hours: [0.1, 24, "from 0.1 to 24"],
  least: [1, 1e4, "from 1 to 10,000", true], spare: [0, 1e4, "from 0 to 10,000", true],
  grid: [0, 2000, "from 0 to 2,000, or empty"],
  reload: [0, 1440, "from 0 to 1,440 minutes, for example 15"],
  lost: [0, 1440, "from 0 to 1,440 minutes, for example 10"],
  ownusd: [1e-4, 1e5, "above 0, or empty"], ownsize: [1, 64, "from 1 to 64, or empty", true],
};
const OPTIONAL = new Set(["budget", "ownusd", "ownsize", "grid"]);

// What a measurement of one's own may be; one that is not within does not count
const MINE = [["minetpot", 1e-2, 1e5], ["minettft", 0, 1e8], ["mineload", 1, 1e6], ["minegpus", 1, 1e4],
  ["mineinput", 1, 2e6], ["mineoutput", 2, 2e6]];

// The GPU that a reader means: by its slug or name, else the first in which each word typed begins a word
const words = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
const gpuCalled = (text) => sheet?.gpus.find((g) => g.slug === text || words(g.name) === words(text))
  ?? (words(text) ? sheet?.gpus.find((g) => words(text).split(" ").every((word) =>
    ` ${words(g.name)} ${words(g.slug)}`.includes(` ${word}`))) : undefined);
const valueOf = (f) => f.type === "checkbox" ? f.checked
  : f.id === "c-owngpu" ? gpuCalled(f.value)?.slug ?? "" : f.value;
const read = () => Object.fromEntries(fields.map((f) => [f.dataset.key, valueOf(f)]));
const write = (input) => {
  for (const f of fields) {
    const value = input[f.dataset.key];
    if (value === undefined) continue;
    if (f.type === "checkbox") f.checked = value === true;
    else if (f.id === "c-owngpu") f.value = gpuCalled(String(value))?.name ?? "";
    else if (f.tagName === "SELECT") { if ([...f.options].some((o) => o.value === String(value))) f.value = value; }
    else f.value = String(value).slice(0, 20);
  }
};

const say = (key, text) => {
  const place = $(`c-${key}-error`), field = $(`c-${key}`);
  if (place) place.textContent = text;
  if (text) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
};

// The numbers of a scenario, or null; `tell` hears what is wrong with each field, or "" where nothing is
const numbersOf = (input, model, tell = () => {}) => {
  let good = true;
  const numbers = {};
  for (const [key, [low, high, hint, whole]] of Object.entries(RULES)) {
    const text = String(input[key] ?? "").trim(), value = Number(text), empty = !text && OPTIONAL.has(key);
    let fault = "";
    if (empty) fault = "";
    else if (!text || !Number.isFinite(value)) fault = `Enter a number ${hint}.`;
    else if (value < low || value > high) fault = `Must be ${hint}.`;
    else if (whole && !Number.isInteger(value)) fault = "Must be a whole number.";
    else if (key === "input" && model.shape.context && value + Number(input.output) > model.shape.context) {
      fault =
        `Prompt and answer are more than the ${model.shape.context.toLocaleString("en")} tokens of context `
        + `that ${model.name} has.`;
    }
    tell(key, fault);
    good &&= !fault;
    numbers[key] = empty ? null : value;
  }
  return good ? numbers : null;
};

const checked = (input, model) => {
  const n = numbersOf(input, model, say), priced = input["on-demand"] || input.spot || input.reserved
    || (input.owngpu && n?.ownusd);
  const named = $("c-owngpu").value.trim();
  say("owngpu", named && !input.owngpu ? "No GPU here is called that."
    : n?.ownusd && !named ? "Of which GPU? Its row then stands among the others." : "");
  $("error").hidden = Boolean(priced);
  $("error").textContent = priced ? "" : "Choose at least one tier, or enter your own price.";
  return priced ? n : null;
};

// What is asked of the hardware. `sure` names what the least known of the ways to run it rests on: its slow end has to
// hold; "" takes the prediction itself.
const slowest = (range) => Math.max(sheet.ranges.tpot[range][1], sheet.ranges.busy[range][1]);
const needOf = (n, sure) => ({ prompt: n.input, output: n.output, rate: n.rate,
  ttft: n.ttft / 1e3 / (sure ? sheet.ranges.ttft[sure][1] : 1),
  tpot: n.tpot / 1e3 / (sure ? slowest(sure) : 1),
  utilisation: n.utilisation / 100, spare: n.spare, least: n.least, hours: n.hours });

const OWN_COUNTS = 0.5;

const known = (input, model, gpu, precision) => E.basis(sheet.offsets, model.offsets,
  model.shape.experts ? "mixture" : "dense", input.engine, gpu.generation, precision);

// Measured over predicted of the visitor's own row, or null where it is not whole
const ownOf = (input, model, precision) => {
  const gpu = sheet.gpus.find((g) => g.slug === input.minegpu), n = (key) => Number(input[key]);
  const within = ([key, low, high]) => n(key) >= low && n(key) <= high;
  if (!gpu || !MINE.every(within)) return null;
  const cached = Number(input.kv) || E.kvBytes(precision, input.engine, gpu.card);
  const layout = E.layout(precision, cached, input.engine, { tensor: n("minegpus") });
  const terms = E.terms(model.shape, gpu.card, layout, n("mineinput"), n("mineoutput"), sheet.constants, sheet.bytes,
    known(input, model, gpu, precision).factors);
  const speed = E.at(terms, n("mineload"), 0, sheet.constants);
  if (!speed.fits) return null;
  const first = n("minettft") > 0 ? n("minettft") / 1e3 / speed.ttft : 1;
  return { gpu, speed, errors: [n("minetpot") / 1e3 / speed.tpot, first] };
};

// What a prediction rests on: rows measured of its group, of its family, or physics; and a measurement of the
// visitor's own, whose logarithm counts half, as one campaign does
const basisOf = (input, model, gpu, precision, own) => {
  const found = known(input, model, gpu, precision);
  if (!own || own.gpu.generation !== gpu.generation) return { ...found, range: found.rests_on };
  return { rests_on: "own", range: "measured",
    factors: found.factors.map((factor, i) => factor * own.errors[i] ** OWN_COUNTS) };
};

const formats = (input, model) => input.precision === "any" ? [...new Set([model.precision, "fp8", "nvfp4"])]
  : [input.precision || model.precision];

// (precision, bytes of a cached element, factors, which range) to try on a card, and why not
const optionsFor = (input, model, gpu, owns) => {
  const options = [], reasons = [];
  for (const precision of formats(input, model)) {
    if (precision === "nvfp4" && model.shape.native_4bit) continue;
    const fault = E.cardFault(gpu.card, precision);
    if (fault) { reasons.push(fault); continue; }
    const found = basisOf(input, model, gpu, precision, owns.get(precision));
    const cached = Number(input.kv) || E.kvBytes(precision, input.engine, gpu.card);
    options.push([precision, cached, found.factors, found.range]);
  }
  return [options, reasons];
};

// A GPU's offers. Spot that is told to be reclaimed once in `every` hours costs the hours that this takes on top.
const stretchOf = (n) => (every) => E.stretch(every, n.reload / 60, n.lost / 60);
const offersOf = (index, n) => (sheet.offersByGpu.get(index) ?? []).map((o) => {
  const reclaims = o.every ? stretchOf(n)(o.every) : 1;
  return { ...o, usd: o.rent * reclaims, reclaims };
}).filter((o) => o.usd < Infinity);

// [what the row is called, its offers]: the market's, and a price of one's own as a row beside it
const pricesOf = (input, n, index) => {
  const { slug, name } = sheet.gpus[index], market = offersOf(index, n).filter((o) => input[o.tier]);
  const own = { size: n.ownsize ?? 0, usd: n.ownusd, provider: "your own price", tier: "own", months: 0, seen: null,
    stale: 0 };
  return [...(market.length ? [[slug, name, market]] : []),
    ...(n.ownusd && input.owngpu === slug ? [[`${slug} own`, `${name} at your own price`, [own]]] : [])];
};

// The next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8 and their tens: a limit that a reader would type
const roundedUp = (value) => {
  const ten = 10 ** Math.floor(Math.log10(value));
  return ten * ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8].find((digit) => digit * ten >= value) ?? 10);
};

// Why a GPU misses the targets, and the target at which it would qualify, where one alone is enough: tried, not
// guessed. `slack` is what the slow end of the range adds to a prediction, where that has to hold; `when` says with
// what load it misses them.
const tooSlow = (nearest, need, slack, when, qualifies) => {
  const key = nearest.tpot > need.tpot ? "tpot" : "ttft", value = nearest[key] * slack[key];
  const wanted = roundedUp(value), typed = String(+(wanted * 1e3).toPrecision(6));
  const enough = qualifies({ ...need, [key]: wanted / slack[key] });
  const [told, target] = R.apart(value, need[key] * slack[key]);
  return [`${key.toUpperCase()} ${told} ${slack[key] === 1 ? "" : "at the slow end of its range, "}with ${when}; the `
    + `target is ${target}`, enough && { key, value: typed, text: ms(wanted),
    words: enough && ". It would qualify at", label: `Set the ${key.toUpperCase()} target to ${ms(wanted)}` },
    value / (need[key] * slack[key])];
};

// The first lighter format in which a GPU would qualify, for one that the chosen weights do not fit or suit
const lighter = (input, model, gpu, qualifies) => {
  for (const precision of ["fp8", "int4"].filter((name) => !formats(input, model).includes(name))) {
    if (E.cardFault(gpu.card, precision) || sheet.bytes[precision] >= sheet.bytes[model.precision]) continue;
    const [options] = optionsFor({ ...input, precision }, model, gpu, new Map());
    if (qualifies(options)) return { key: "precision", value: precision, text: `${precision} weights`,
      words: ". It would qualify with", label: `Choose ${precision} weights` };
  }
  return null;
};

// Every GPU with its cheapest way to meet the need, its `speed` when fully loaded and what is `seen` at the traffic
// that is asked for; and for the others [name, reason, what would admit it, how far off].
// Cost decides the order, but for offers of which it is not known whether a machine has enough GPUs: those come last;
// of the others, those come first that come nearest.
function* ranking(input, n, model, explain = true) {
  const rows = [], reasons = [];
  const owns = new Map(formats(input, model).map((precision) => [precision, ownOf(input, model, precision)]));
  for (const [index, gpu] of sheet.gpus.entries()) {
    const prices = pricesOf(input, n, index);
    if (prices.length) rankOne(input, n, model, { gpu, prices, owns, explain }, rows, reasons);
    yield;
  }
  rows.sort((a, b) => R.unstated(a) - R.unstated(b) || a.cost.usd_hour - b.cost.usd_hour || (a.key < b.key ? -1 : 1));
  const far = ([, , wanted, off]) => (wanted ? 0 : 1e9) + (off ?? 1e6);
  reasons.sort((a, b) => far(a) - far(b) || (a[0] < b[0] ? -1 : 1));
  return [rows, reasons];
}
const rank = (...asked) => {
  const steps = ranking(...asked);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
};
// The same in slices of 20 ms, so that a page that has just opened stays awake on a slow processor
const pause = () => new Promise((done) => setTimeout(done));
const rankAwake = async (...asked) => {
  const steps = ranking(...asked);
  for (let until = performance.now() + 20; ;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() > until) { await pause(); until = performance.now() + 20; }
  }
};

const buy = (held, wanted, offers) => E.cheapest(held, wanted, offers.map((o) => [o.size, o.usd]));

const rankOne = (input, n, model, { gpu, prices, owns, explain }, rows, reasons) => {
  const [options, faults] = optionsFor(input, model, gpu, owns);
  const least = ["physics", "family", "measured"].find((range) => options.some((o) => o[3] === range)) ?? "physics";
  const need = needOf(n, input.sure ? least : "");
  const slack = { ttft: input.sure ? sheet.ranges.ttft[least][1] : 1, tpot: input.sure ? slowest(least) : 1 };
  const ways = (tried, wanted) => E.ways(model.shape, gpu.card, tried, input.engine, wanted, sheet.constants,
    sheet.bytes);
  const qualifies = (tried, wanted) => { const [held] = ways(tried, wanted); return prices.some(([, , offers]) => {
    const best = buy(held, wanted, offers);
    return best && !(n.budget && best.cost.usd_month > n.budget);
  }); };
  const light = () => explain ? lighter(input, model, gpu, (tried) => qualifies(tried, need)) : null;
  if (!options.length) { reasons.push([gpu.name, faults[0], light()]); return; }
  const [held, nearest] = ways(options, need);
  if (!held.length) {
    reasons.push(!explain ? [gpu.name, ""] : nearest
      ? [gpu.name, ...tooSlow(nearest, need, slack, "nothing else running", (wanted) => qualifies(options, wanted))]
      : [gpu.name, "the model does not fit on 16 of them", light()]);
    return;
  }
  for (const [key, name, offers] of prices) {
    const best = served(input, n, model, gpu, held, need, offers, owns), month = best?.cost.usd_month;
    if (!best) {
      const few = Math.min(...held.map((h) => h.layout.tensor * h.layout.data));
      reasons.push([name, `needs ${few} in one machine; no known offer has that many`]);
    } else if (!best.within) {
      reasons.push(!explain ? [name, ""] : [name, ...tooSlow(best.seen, need, slack, "this traffic", (wanted) =>
        served(input, n, model, gpu, ways(options, wanted)[0], wanted, offers, owns)?.within)]);
    } else if (n.budget && month > n.budget) {
      const enough = roundedUp(month);
      reasons.push([name, `${usd(month)} a month is over the budget`, { key: "budget", value: String(enough),
        words: ". It would qualify at", text: usd(enough), label: `Set the budget to ${usd(enough)}` },
      month / n.budget]);
    } else rows.push({ ...best, gpu, offer: offers[best.offer], key, need });
  }
};

// The cheapest way to buy what holds the need, with as many replicas as it takes for what arrives at random: with few
// at a time, each falls among others' prompts, and may see more than a fixed load does
const served = (input, n, model, gpu, held, need, offers, owns) => {
  let best = null;
  for (let least = need.least, tries = 0; tries <= E.TRIES; tries++) {
    best = buy(held, { ...need, least }, offers);
    if (!best) return null;
    const precision = best.layout.precision, basis = basisOf(input, model, gpu, precision, owns.get(precision));
    const terms = E.terms(model.shape, gpu.card, best.layout, n.input, n.output, sheet.constants, sheet.bytes,
      basis.factors), seen = E.served(terms, need, best.cost, sheet.constants);
    best = { ...best, basis, terms, seen, within: seen.ttft <= need.ttft && seen.tpot <= need.tpot };
    if (best.within) break;
    least = Math.ceil((best.cost.replicas - need.spare) * E.MORE);
  }
  return best;
};

const set = (key, value) => {
  write({ [key]: value });
  render();
  $(`c-${key}`).focus();
};
const pick = (key) => {
  chosen = chosen === key ? "" : key;
  render();
};

const show = (input, n, model, [rows, reasons]) => {
  if (!rows.some((r) => r.key === chosen)) chosen = "";
  const focused = document.activeElement?.dataset?.row;
  $("answer").replaceChildren(...view.answer(model, rows, reasons.length));
  $("stuck").textContent = rows.length ? `${R.hardware(rows[0])}: ${usd(rows[0].cost.usd_month)} a month` : "";
  const how = { n, chosen, published: model.precision, shown: all ? Infinity : SHOWN, set, pick,
    all: () => { all = true; render(); }, detail: (row) => [...view.detail(input, n, model, row), folded(row)] };
  $("rows").replaceChildren(root.querySelector("#rows thead"), ...view.groups(rows, reasons, how));
  if (focused) $("rows").querySelector(`[data-row="${CSS.escape(focused)}"]`)?.focus();
  const drawn = view.front(rows);
  $("front").hidden = !drawn;
  if (drawn) $("front").replaceChildren(...drawn);
};

const render = () => draw();
const draw = (known) => {
  if (!sheet) return;
  const input = read(), model = sheet.bySlug.get(input.model);
  if (!model) { say("model", "This model's configuration is not supported. Choose another."); return; }
  say("model", "");
  const n = checked(input, model);
  if (!n) { $("answer").textContent =
    "A value is not valid; see its field. The results below are for the previous values."; return; }
  $("c-name").placeholder = nameOf(input, model);
  const own = ownOf(input, model, formats(input, model)[0]);
  $("mine").textContent = own ? `TPOT ${ms(own.speed.tpot)} predicted for it: yours is ${own.errors[0].toFixed(2)} `
    + "times that. Predictions for its GPU generation are adjusted to it."
    : "For the model, engine and weights chosen above; it stays in this browser.";
  const ranked = known ?? rank(input, n, model);
  asked = { input, n, model, rows: ranked[0] };
  show(input, n, model, ranked);
  refold();
};

// Which models run: in slices, so that the page stays awake
const findModels = async () => {
  const input = read(), n = checked(input, sheet.bySlug.get(input.model) ?? sheet.models[0]), list = $("models"),
  bar = $("progress"), score = sheet.scores[Number(input.score)]?.[1];
  if (!n) { list.textContent = "A value is not valid; see its field."; return; }
  bar.hidden = false;
  const rows = [];
  for (const [i, model] of sheet.models.entries()) {
    if (i % 4 === 0) { bar.value = i / sheet.models.length; await pause(); }
    if (model.shape.context && n.input + n.output > model.shape.context) continue;
    const [ranked] = rank({ ...input, precision: "" }, n, model, false);
    if (ranked.length) rows.push([model, ranked[0], score?.[model.slug] ?? null]);
  }
  bar.hidden = true;
  rows.sort((a, b) => score ? (b[2] ?? -Infinity) - (a[2] ?? -Infinity) : b[0].parameters - a[0].parameters);
  list.replaceChildren(...view.models(rows, n, (slug) => {
    $("c-model").value = slug;
    render();
    $("answer").scrollIntoView();
  }));
};

// Parts that are folded until asked for, and loaded only then. What they are filled from is the question as it stands.
let asked = null;
const openPart = async (place, row) => {
  if (!asked) return;
  const now = { ...asked, row, sheet, html, usd, ms, many, short: R.short, E, hardware: R.hardware,
    stretch: stretchOf(asked.n), offersOf: (index) => offersOf(index, asked.n),
    power: (one, cost) => view.power(asked.input, asked.n, one, cost),
    precisions: Object.keys(sheet.bytes), cheapest: (input) => { const n = numbersOf(input, asked.model);
      return n ? rank(input, n, asked.model, false)[0] : []; }, set: (values) => { write(values); render(); },
    calibrate: (values) => { write(values); render();
      tell("Predictions for this GPU generation now follow your measurement, in this browser only."); } };
  await (await import(root.dataset.further)).open(place, now);
};
const folded = (row) => {
  const made = html("details", { id: "check", "data-part": "check", "data-panel": root.dataset.recipe,
    "data-reader": root.dataset.reader, ontoggle: () => { if (made.open) openPart(made, row); } },
  html("summary", {}, "Check it: commands that serve and measure this"), html("div", { class: "inside" }));
  return made;
};
let question = "";
const refold = () => {
  const before = question;
  question = JSON.stringify(asked.input);
  for (const place of root.querySelectorAll("details[data-part]")) {
    if (place.id === "lower") place.open &&= question === before;
    else if (place.open && ["day", "real"].includes(place.id)) openPart(place, dayRow());
  }
};
const dayRow = () => asked?.rows.find((row) => row.key === chosen) ?? asked?.rows[0];

const tell = (text) => { $("said").textContent = text; };
// What a scenario is called that was given no name: what it asks for
const nameOf = (input, model) => `${model.name}, ${input.rate}/s, ${input.ttft} ms`;
const keep = (items) => { const fault = S.store(items); if (!fault) scenarios = items; tell(fault); list();
  return !fault; };
const tick = (item, on) => {
  if (on && compared.size >= COMPARED) { tell(`At most ${COMPARED} are compared.`); list(); return; }
  compared[on ? "add" : "delete"](item.id);
  compare();
};
const list = () => {
  const row = (item) => html("li", {}, html("label", { class: "check" },
    html("input", { type: "checkbox", checked: compared.has(item.id),
      onchange: (event) => tick(item, event.target.checked) }), html("span", {}, item.name)),
    html("button", { type: "button", onclick: () => { write(item.input); $("c-name").value = item.name; render(); } },
      "Open"), html("button", { type: "button", onclick: () => keep([...scenarios,
        { ...item, id: fresh(), name: `${item.name} (copy)`.slice(0, 80) }]) }, "Duplicate"),
        html("button", { type: "button", onclick: () => { compared.delete(item.id);
          keep(scenarios.filter((s) => s.id !== item.id)); } }, "Delete"));
  $("scenarios").replaceChildren(scenarios.length ? html("ul", { class: "kept" }, ...scenarios.map(row))
    : html("p", { class: "empty" }, "None yet. Save the current one; two or more can be compared here."));
  $("compare").textContent = scenarios.length ? `Compare (${scenarios.length})` : "Compare";
  compare();
};
const fresh = () => `${Date.now().toString(36)}${Math.floor(performance.now() * 1e3).toString(36)}`;
const compare = () => {
  const chosenOnes = scenarios.filter((s) => compared.has(s.id));
  if (chosenOnes.length < 2 || !sheet) { $("compared").replaceChildren(); return; }
  $("compared").replaceChildren(...view.compared(chosenOnes.map((s) => {
    const model = sheet.bySlug.get(s.input.model), n = model ? numbersOf(s.input, model) : null;
    const [best] = n ? rank(s.input, n, model, false)[0] : [];
    return [s.name, s.input, best, model];
  })));
};
// What is compared without a choice: the last ones saved
const openKept = (open) => {
  $("kept").hidden = !open;
  $("compare").setAttribute("aria-expanded", String(open));
  if (!open) return;
  if (compared.size < 2) compared = new Set(scenarios.slice(-COMPARED).map((s) => s.id));
  list();
};
const preset = (key) => {
  const p = sheet.presets.find(([k]) => k === key);
  write({ input: p[3], output: p[4], rate: p[5], ttft: p[6], tpot: p[7], utilisation: Math.round(p[8] * 100) });
  for (const button of root.querySelectorAll("[data-preset]")) button.setAttribute("aria-pressed",
    String(button.dataset.preset === key));
  render();
};

const prepare = (raw) => {
  const made = { ...raw };
  made.models = raw.models.map(([slug, name, owner, precision, parameters, values, offsets]) =>
    ({ slug, name, owner, precision, parameters, shape: E.shape(values), offsets }));
  made.bySlug = new Map(made.models.map((m) => [m.slug, m]));
  made.gpus = raw.gpus.map(([slug, name, memory, values, generation]) =>
    ({ slug, name, memory, card: E.card(values), generation }));
  made.offersByGpu = new Map();
  for (const [gpu, provider, tier, months, size, micro, seen, stale, every = 0, place = ""] of raw.offers) {
    if (!made.offersByGpu.has(gpu)) made.offersByGpu.set(gpu, []);
    made.offersByGpu.get(gpu).push({ size, rent: micro / 1e6, every, provider: raw.providers[provider][1],
      tier: raw.tiers[tier], months, seen, stale, place });
  }
  // A stale price counts only where nothing fresh is known
  for (const [gpu, offers] of made.offersByGpu) if (offers.some((o) => !o.stale)) made.offersByGpu.set(gpu,
    offers.filter((o) => !o.stale));
  return made;
};

const start = async () => {
  ({ items: scenarios } = S.load());
  tell(S.load().fault);
  try {
    const answer = await fetch(root.dataset.sheet);
    if (!answer.ok) throw new Error(String(answer.status));
    const raw = await answer.json();
    await pause();
    sheet = prepare(raw);
  } catch {
    $("answer").textContent = "The prices could not be loaded. Check the connection and load the page again.";
    return;
  }
  for (const gpu of sheet.gpus) {
    $("gpus").append(html("option", { value: gpu.name }));
    $("c-minegpu").append(html("option", { value: gpu.slug }, gpu.name));
  }
  for (const [code, [name, grams]] of Object.entries(sheet.grids).sort(([, [a]], [, [b]]) => a < b ? -1 : 1)) {
    $("c-gridof").append(html("option", { value: code }, `${name}, ${grams} g`));
  }
  view = R.results(E, P, sheet);
  sheet.scores.forEach(([name], i) => $("c-score").append(html("option", { value: String(i) }, name)));
  const shared = window.sharedScenario && S.fromFragment(window.sharedScenario);
  if (shared) write(shared);
  else if (window.sharedScenario) tell("The scenario in this link can't be read; the link may be cut off.");
  await pause();
  const input = read(), model = sheet.bySlug.get(input.model), n = model && numbersOf(input, model);
  const ranked = n ? await rankAwake(input, n, model) : undefined;
  await pause();
  draw(JSON.stringify(read()) === JSON.stringify(input) ? ranked : undefined);
  list();
};

// Where the answer has been scrolled away on a phone, a line at the foot of the screen repeats it
new IntersectionObserver(([seen]) => { $("stuck").hidden = seen.isIntersecting || seen.boundingClientRect.top > 0; })
  .observe($("answer"));
$("c-owngpu").addEventListener("change", ({ target }) => { target.value = gpuCalled(target.value)?.name
  ?? target.value; });
let waiting = 0;
$("ask").addEventListener("submit", (event) => event.preventDefault());
$("ask").addEventListener("input", (event) => {
  if (!event.target.dataset.key) return;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(render);
});
root.querySelector(".presets").addEventListener("click", (event) => { const key =
  event.target.closest("[data-preset]")?.dataset.preset; if (key && sheet) preset(key); });
for (const place of root.querySelectorAll("details[data-part]")) {
  place.addEventListener("toggle", () => { if (place.open) openPart(place, dayRow()); });
}
$("find").addEventListener("click", () => { if (sheet) findModels(); });
$("compare").addEventListener("click", () => openKept($("kept").hidden));
$("save").addEventListener("click", () => {
  const input = read(), model = sheet?.bySlug.get(input.model);
  if (!model) return;
  const name = ($("c-name").value.trim() || nameOf(input, model)).slice(0, 80);
  const same = scenarios.find((s) => s.name === name), item = { id: same?.id ?? fresh(), name, input };
  $("c-name").value = "";
  if (keep(same ? scenarios.map((s) => s === same ? item : s) : [...scenarios, item])) tell(same
    ? `“${name}” is replaced.` : `“${name}” is saved in this browser.`);
});
$("share").addEventListener("click", async () => {
  const link = `${location.origin}/calculator${S.asFragment(read())}`;
  try { await navigator.clipboard.writeText(link);
    tell("Link copied. The part after # is read only by browsers; it is never sent to us.");
    } catch { $("said").replaceChildren("Copy this link: ", html("input",
      { type: "text", readonly: true, value: link, "aria-label": "Link to this scenario" })); }
});
$("export").addEventListener("click", () => {
  const address = URL.createObjectURL(S.asFile(scenarios.length ? scenarios
    : [{ id: "now", name: $("c-name").value.trim() || "unnamed", input: read() }]));
  html("a", { href: address, download: "scenarios.json" }).click();
  URL.revokeObjectURL(address);
});
$("import").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  let items = null;
  try { items = file.size < 1e6 ? S.understood(JSON.parse(await file.text())) : null; } catch { items = null; }
  if (!items?.length) { tell("No scenarios in this file; use a file written by Export."); return; }
  if (keep([...scenarios, ...items.map((item) => ({ ...item,
    id: fresh() + item.id.slice(0, 8) }))])) tell(`${many(items.length, "scenario")} imported.`);
});
$("clear").addEventListener("click", () => { tell(S.clear()); scenarios = []; compared = new Set(); list(); });
await start();
