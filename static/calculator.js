// The calculator's page. It loads one sheet, the same for everyone, and computes; nothing typed or chosen is sent.

const root = document.getElementById("calculator");
const [E, S, P] = await Promise.all([import(root.dataset.estimate), import(root.dataset.scenarios),
  import(root.dataset.plots)]);
const { html } = P;
const $ = (id) => document.getElementById(id);
const fields = [...root.querySelectorAll("[data-key]")];
const SHOWN = 25, COMPARED = 4;
let sheet = null, found = [], chosen = "", compared = new Set(), scenarios = [];

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
  grid: [0, 2000, "from 0 to 2,000, for example 473"],
  ownusd: [1e-4, 1e5, "above 0, or empty"], ownsize: [1, 64, "from 1 to 64", true],
};
const OPTIONAL = new Set(["budget", "ownusd"]);

const usd = (v) => v >= 1000 ? `$${Math.round(v).toLocaleString("en")}` : v >= 1 ? `$${v.toFixed(2)}`
  : `$${+v.toPrecision(3)}`;
// Seconds for a reader, always in milliseconds, as the fields are: 32.5 ms, 1,290 ms
const ms = (s) => {
  const rounded = +(s * 1e3).toPrecision(3);
  return `${rounded >= 100 ? rounded.toLocaleString("en") : rounded}\u00a0ms`;
};
const gb = (b) => `${+(b / 1e9).toPrecision(3)}\u00a0GB`;
const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const day = (n) => {
  const d = new Date(n * 864e5);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
};

const read = () => Object.fromEntries(fields.map((f) => [f.dataset.key, f.type === "checkbox" ? f.checked : f.value]));
const write = (input) => {
  for (const f of fields) {
    const value = input[f.dataset.key];
    if (value === undefined) continue;
    if (f.type === "checkbox") f.checked = value === true;
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
    else if (!text || !Number.isFinite(value)) fault = `A number is needed: ${hint}.`;
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
  $("error").hidden = Boolean(priced);
  $("error").textContent = priced ? "" : "Choose at least one kind of price, or give one of your own.";
  return priced ? n : null;
};

// What is asked of the hardware. `sure` names what the least known of the ways to run it rests on: its slow end has to
// hold; "" takes the prediction itself.
const needOf = (n, sure) => ({ prompt: n.input, output: n.output, rate: n.rate,
  ttft: n.ttft / 1e3 / (sure ? sheet.ranges.ttft[sure][1] : 1),
  tpot: n.tpot / 1e3 / (sure ? sheet.ranges.tpot[sure][1] : 1),
  utilisation: n.utilisation / 100, spare: n.spare, least: n.least, hours: n.hours });

const RESTS_ON = { own: "your measurement", measured: "measured here", family: "same family",
  physics: "physics alone" };
const WHY = { own: "yours, on this generation of GPUs, beside what is known",
  measured: "this model was measured with this engine, generation of GPUs and format",
  family: "other models of its kind were measured on this generation and in this format",
  physics: "nothing like it was measured here; the range is wider" };
const OWN_COUNTS = 0.5;

const known = (input, model, gpu, precision) => E.basis(sheet.offsets, model.offsets,
  model.shape.experts ? "mixture" : "dense", input.engine, gpu.generation, precision);

// Measured over predicted of the visitor's own row, or null where it is not whole
const ownOf = (input, model, precision) => {
  const gpu = sheet.gpus.find((g) => g.slug === input.minegpu), n = (key) => Number(input[key]);
  const whole = n("minetpot") > 0 && n("mineload") >= 1 && n("minegpus") >= 1 && n("mineinput") >= 1;
  if (!gpu || !whole || !(n("mineoutput") >= 2)) return null;
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

// [what the row is called, its offers]: the market's, and a price of one's own as a row beside it
const pricesOf = (input, n, index) => {
  const { slug, name } = sheet.gpus[index], market = (sheet.offersByGpu.get(index) ?? []).filter((o) => input[o.tier]);
  const own = { size: n.ownsize, usd: n.ownusd, provider: "your own price", tier: "own", months: 0, seen: null,
    stale: 0 };
  return [...(market.length ? [[slug, name, market]] : []),
    ...(n.ownusd && input.owngpu === slug ? [[`${slug} own`, `${name} at your own price`, [own]]] : [])];
};

// The next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 and their tens: a limit that a reader would type
const roundedUp = (value) => {
  const ten = 10 ** Math.floor(Math.log10(value));
  return ten * ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find((digit) => digit * ten >= value) ?? 10);
};

// Why a GPU misses the targets, and the target at which it would qualify, where one alone is enough: tried, not guessed
const tooSlow = (nearest, need, qualifies) => {
  if (!nearest) return "the model does not fit on sixteen of them";
  const key = nearest.tpot > need.tpot ? "tpot" : "ttft";
  const wanted = roundedUp(nearest[key]), enough = qualifies({ ...need, [key]: wanted });
  return `${key.toUpperCase()} ${ms(nearest[key])} with nothing else running; the target is ${ms(need[key])}`
    + (enough ? `. It would qualify at ${ms(wanted)}` : "");
};

// Every GPU with its cheapest way to meet the need, and for the others the reason. Cost alone decides the order.
const rank = (input, n, model, explain = true) => {
  const rows = [], reasons = [];
  const owns = new Map(formats(input, model).map((precision) => [precision, ownOf(input, model, precision)]));
  sheet.gpus.forEach((gpu, index) => {
    const prices = pricesOf(input, n, index);
    if (!prices.length) return;
    const [options, faults] = optionsFor(input, model, gpu, owns);
    if (!options.length) { reasons.push([gpu.name, faults[0]]); return; }
    const least = ["physics", "family", "measured"].find((range) => options.some((o) => o[3] === range));
    const need = needOf(n, input.sure ? least : "");
    const ways = (wanted) => E.ways(model.shape, gpu.card, options, input.engine, wanted, sheet.constants, sheet.bytes);
    const buy = (found, wanted, offers) => E.cheapest(found, wanted, offers.map((o) => [o.size, o.usd]));
    const qualifies = (wanted) => { const found = ways(wanted)[0]; return prices.some(([, , offers]) => {
      const best = buy(found, wanted, offers);
      return best && !(n.budget && best.cost.usd_month > n.budget);
    }); };
    const [held, nearest] = ways(need);
    if (!held.length) {
      reasons.push([gpu.name, explain ? tooSlow(nearest, need, qualifies) : ""]);
      return;
    }
    for (const [key, name, offers] of prices) {
      const best = buy(held, need, offers);
      if (!best) {
        const few = Math.min(...held.map((h) => h.layout.tensor * h.layout.data));
        reasons.push([name, `needs ${few} in one machine; no offer is known to have as many`]);
      } else if (n.budget && best.cost.usd_month > n.budget) {
        reasons.push([name, `${usd(best.cost.usd_month)} a month is over the budget`]);
      } else {
        const precision = best.layout.precision, basis = basisOf(input, model, gpu, precision, owns.get(precision));
        rows.push({ ...best, gpu, offer: offers[best.offer], key, basis });
      }
    }
  });
  rows.sort((a, b) => a.cost.usd_hour - b.cost.usd_hour || (a.key < b.key ? -1 : 1));
  return [rows, reasons];
};

// How a replica lies on its GPUs; nothing where it has one
const split = (l) => [l.tensor > 1 && `TP ${l.tensor}`, l.data > 1 && `attention DP ${l.data}`,
  l.pipeline > 1 && `PP ${l.pipeline}`, l.experts_split && "expert parallel"].filter(Boolean);
const wide = (row) => ({ tpot: sheet.ranges.tpot[row.basis.range].map((f) => f * row.speed.tpot),
  ttft: sheet.ranges.ttft[row.basis.range].map((f) => f * row.speed.ttft) });
const whose = (o) => o.provider + (o.tier === "on-demand" || o.tier === "own" ? "" : o.tier === "spot" ? ", spot"
  + (o.reclaims > 1 ? ` with ${((o.reclaims - 1) * 100).toPrecision(2)}% for reclaims` : "")
  : `, ${o.months} months`);
const hardware = (row) => `${row.cost.gpus} × ${row.gpu.name}`;

const table = (head, rows) => html("table", { class: "plain cards" },
  html("thead", {}, html("tr", {}, ...head.map(([name, num]) =>
    html("th", { scope: "col", class: num && "num" }, name)))), html("tbody", {}, ...rows));

const types = (rows) => new Set(rows.map((r) => r.gpu.slug)).size;

const show = (input, n, model, [rows, reasons]) => {
  found = rows;
  if (!rows.some((r) => r.key === chosen)) chosen = rows[0]?.key ?? "";
  const best = rows[0];
  $("answer").replaceChildren(...(best ? [html("strong", {}, hardware(best)),
    ` (${whose(best.offer)}) meet${best.cost.gpus === 1 ? "s" : ""} your targets for ${model.name}: `,
    html("strong", {}, `${usd(best.cost.usd_month)} a month`),
    `, ${usd(best.cost.usd_million_output)} per million output tokens. `
      + `${many(types(rows), "GPU type")} ${types(rows) === 1 ? "qualifies" : "qualify"}, `
      + `${reasons.length} ${reasons.length === 1 ? "doesn’t" : "don’t"}.`]
    : ["No offered GPU meets these targets. The reasons are below; a higher target, smaller weights or another tier "
      + "may help."]));
  $("rows").replaceChildren(...(rows.length ? [table([["Hardware"], ["USD a month", 1],
    ["$ per million tokens: input, output", 1],
    ["TTFT", 1], ["TPOT", 1], ["Limited by"], ["From"]],
    rows.filter((r, i) => i < SHOWN || r.offer.tier === "own").map((row) =>
      html("tr", { class: row.key === chosen && "chosen" },
      html("td", { class: "what" }, html("button", { type: "button", class: "pick",
        "aria-pressed": String(row.key === chosen), onclick: () => { chosen = row.key; render(); } }, hardware(row)),
        html("small", { class: "sub" },
          [row.layout.precision, many(row.cost.replicas, "replica"), ...split(row.layout),
            RESTS_ON[row.basis.rests_on], ...(row.offer.size ? [] : ["instance size not stated"])].join(", "))),
      html("td", { class: "num", "data-label": "USD a month" }, html("b", {}, usd(row.cost.usd_month))),
      html("td", { class: "num", "data-label": "$ per million tokens: input, output" },
        `${usd(row.cost.usd_million_input)}, ${usd(row.cost.usd_million_output)}`),
      ...[["TTFT", row.speed.ttft, wide(row).ttft],
        ["TPOT", row.speed.tpot, wide(row).tpot]].map(([name, value, [low, high]]) =>
        html("td", { class: "num", "data-label": name }, ms(value),
          html("small", { class: "sub" }, `${ms(low)} to ${ms(high)}`))),
      html("td", { "data-label": "Limited by" }, E.limitedBy(row.speed)),
      html("td", { "data-label": "From" }, whose(row.offer),
        ...(row.offer.seen ? [html("small", { class: "sub" }, day(row.offer.seen), " ",
          ...(row.offer.stale ? [html("span", { class: "stale" }, "stale")] : []))] : [])))))] : []));
  front(rows);
  detail(input, n, model, rows.find((r) => r.key === chosen));
  $("whynot").hidden = !reasons.length;
  $("whynot").querySelector("summary").textContent = `Excluded GPUs (${reasons.length})`;
  $("whynot").querySelector("ul").replaceChildren(...reasons.map(([name, why]) => html("li", {}, `${name}: ${why}`)));
};

const front = (rows) => {
  const points = rows.filter((r) => r.speed.tpot).map((r) => [r.cost.usd_month, 1 / r.speed.tpot,
    `${hardware(r)}: ${usd(r.cost.usd_month)} a month, ${(1 / r.speed.tpot).toFixed(1)} tokens/s`]);
  const best = P.pareto(points);
  const drawn = P.scatter({ title: "Cost against speed", points, front: best, xLabel: "USD a month",
    yLabel: "tokens/s per user", xText: usd, yText: String });
  $("front").hidden = !drawn;
  if (drawn) $("front").replaceChildren(drawn, html("figcaption", {},
    html("span", { class: "key low" }, "nothing is both cheaper and faster"),
    best.map((i) => hardware(rows[i])).slice(0, 6).join(", ")));
};

const nearest = (input, model, row, n) => {
  const m = sheet.measured, words = m.words, c = m.columns, name = `${model.owner}/${model.name}`.toLowerCase(),
  found = [];
  for (let i = 0; i < c[0].length; i++) {
    const far = Math.abs(Math.log(c[7][i] / n.input)) + Math.abs(Math.log(c[8][i] / n.output))
      + Math.abs(Math.log(c[9][i] / row.load))
        + Math.abs(Math.log(c[4][i] * c[5][i] / (row.layout.tensor * row.layout.data)));
    const same = (words[c[0][i]] === name ? 0 : 6) + (sheet.gpus[c[1][i]]?.slug === row.gpu.slug ? 0 : 4)
      + (words[c[3][i]] === input.engine ? 0 : 1) + (words[c[2][i]].slice(-3) === row.layout.precision.slice(-3) ? 0
        : 1.5);
    found.push([far + same, i]);
  }
  found.sort((a, b) => a[0] - b[0]);
  return found.slice(0, 4).map(([, i]) => ({ model: words[c[0][i]].split("/").pop(), gpu: sheet.gpus[c[1][i]].name,
    precision: words[c[2][i]], engine: words[c[3][i]], gpus: c[4][i] * c[5][i], input: c[7][i], output: c[8][i],
    load: c[9][i], tpot: c[10][i] / 1e3, ttft: c[11][i] / 1e3 }));
};

const detail = (input, n, model, row) => {
  if (!row) { $("detail").replaceChildren(); return; }
  const { speed, cost } = row, around = wide(row), p = speed.parts, kw = row.gpu.card.watts * cost.gpus / 1e3,
    kwh = kw * 730 * n.hours / 24;
  const per = Math.min(speed.most, 1e6), used = speed.kv_sequence * Math.min(row.load,
    speed.most) / (row.layout.data * row.layout.pipeline);
  const tokens = speed.throughput;
  const facts = [["Max concurrency per replica", `${row.load} (${Math.floor(per)} can run at once)`],
    ["Throughput",
      (speed.tpot ? `${(1 / speed.tpot).toFixed(1)} tokens/s per user, ` : "")
      + `${(tokens / (row.layout.tensor * row.layout.data * row.layout.pipeline)).toFixed(0)} per GPU, `
      + `${(tokens * cost.replicas).toFixed(0)} in total at full load`],
    ["Rests on", `${RESTS_ON[row.basis.rests_on]}: ${WHY[row.basis.rests_on]}`],
    ["Cost",
      `${usd(cost.usd_request)} a request, ${usd(cost.usd_million_input)} per million input tokens, `
        + `${usd(cost.usd_million_output)} per million output tokens`],
    ["Bought as",
      `${many(cost.instances, "instance")} of ${many(cost.size, "GPU")} at ${usd(row.offer.usd)} per GPU-hour: `
      + `${usd(cost.usd_hour)} an hour`],
    ["Power",
      kw ? `${kw.toFixed(2)} kW rated, ${Math.round(kwh).toLocaleString("en")} kWh and `
        + `${Math.round(kwh * n.grid / 1e3).toLocaleString("en")} kg of CO₂ a month` : "not known"],
    ["Limited by", E.limitedBy(speed)]];
  const close = nearest(input, model, row, n), api = sheet.api.prices[model.slug] ?? [];
  const requests = n.rate * 3600 * 730 * n.hours / 24;
  const made = [html("h2", {}, hardware(row)),
    html("dl", { class: "facts" }, ...[["TTFT (time to first token)", [ms(speed.ttft),
      ` (${ms(around.ttft[0])} to ${ms(around.ttft[1])})`, P.range(around.ttft[0], speed.ttft, around.ttft[1],
        n.ttft / 1e3)]], ["TPOT (per output token)", [ms(speed.tpot),
          ` (${ms(around.tpot[0])} to ${ms(around.tpot[1])})`,
          P.range(around.tpot[0], speed.tpot, around.tpot[1], n.tpot / 1e3)]]].map(([name, value]) =>
            html("div", {}, html("dt", {}, name), html("dd", {}, ...value))),
      ...facts.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value)))),
    P.bar("Where the time of a token goes", [["weights", p[0]], ["KV cache", p[1]], ["arithmetic", p[2]],
      ["between GPUs", p[3]], ["layers and steps", p[4]], ["requests", p[5]], ["other requests’ prefill", p[6]]], ms),
    P.bar("Where the memory of a GPU goes", [["weights", speed.weights], ["KV cache of running requests", used],
      ["free", Math.max(row.gpu.card.memory - speed.weights - used - 2e9, 0)], ["runtime", 2e9]], gb),
    html("h3", {}, "Nearest measurements"), table([["Measured"], ["Tokens", 1], ["Concurrency", 1], ["TTFT", 1],
      ["TPOT", 1]], close.map((r) => html("tr", {}, html("td", { class: "what" },
        `${r.model}, ${r.gpus} × ${r.gpu}`, html("small", { class: "sub" }, `${r.precision}, ${r.engine}`)),
        html("td", { class: "num", "data-label": "Tokens" }, `${r.input} + ${r.output}`),
        html("td", { class: "num", "data-label": "Concurrency" }, String(r.load)),
        html("td", { class: "num", "data-label": "TTFT" }, r.ttft ? ms(r.ttft) : "not measured"),
        html("td", { class: "num", "data-label": "TPOT" }, ms(r.tpot)))))];
  if (api.length) {
    const each = (a) => (n.input * a[1] + n.output * a[2]) / 1e6,
    cheapest = api.reduce((a, b) => each(b) < each(a) ? b : a), even = cost.usd_month / each(cheapest);
    const busy = row.speed.throughput / n.output * (cost.replicas - n.spare) * (n.utilisation / 100);
    const most = busy * 3600 * 730 * n.hours / 24;
    const ends = [Math.max(Math.min(even, requests) / 10, 1), Math.max(even, requests, most) * 3];
    const drawn = P.scatter({ title: "Cost of a month against requests",
      lines: [["this hardware", [[ends[0], cost.usd_month], [Math.max(most, ends[0] * 1.01), cost.usd_month]]],
        [cheapest[0], ends.map((r) => [r, r * each(cheapest)])]], xLabel: "requests a month", yLabel: "USD a month",
        xText: (v) => v.toLocaleString("en", { notation: "compact" }), yText: usd });
    made.push(html("h3", {}, "Against an API"), html("p", {},
      even <= most
        ? `From ${Math.round(even).toLocaleString("en")} requests a month on it costs less than ${cheapest[0]} `
          + `(${usd(each(cheapest))} a request); you plan ${Math.round(requests).toLocaleString("en")}.`
        : `${cheapest[0]} costs less at any load this hardware can serve `
          + `(${usd(each(cheapest))} a request against ${usd(cost.usd_request)}).`));
    if (drawn) made.push(html("figure", { class: "chart" }, drawn,
      html("figcaption", {}, html("span", { class: "key low" }, "this hardware, up to its load"),
        html("span", { class: "key mid" }, cheapest[0]), `API prices: ${sheet.api.source}`)));
  } else made.push(html("p", { class: "source" }, "No API price is known for this model."));
  $("detail").replaceChildren(...made);
};

const render = () => {
  if (!sheet) return;
  const input = read(), model = sheet.bySlug.get(input.model);
  if (!model) { say("model", "Can't estimate: this model's configuration is not understood. Choose another."); return; }
  say("model", "");
  const n = checked(input, model);
  if (!n) { $("answer").textContent =
    "A value is not valid; the field says why. The results below are for the values before."; return; }
  const own = ownOf(input, model, formats(input, model)[0]);
  $("mine").textContent = own ? `TPOT ${ms(own.speed.tpot)} predicted for it: yours is ${own.errors[0].toFixed(2)} `
    + "times that. GPUs of its generation are predicted accordingly."
    : "With model, engine and weights as chosen above; it stays in this browser.";
  show(input, n, model, rank(input, n, model));
};

// Which models run: in slices, so that the page stays awake
const findModels = async () => {
  const input = read(), n = checked(input, sheet.bySlug.get(input.model) ?? sheet.models[0]), list = $("models"),
  bar = $("progress"), score = sheet.scores[Number(input.score)]?.[1];
  if (!n) { list.textContent = "A value is not valid; the field says why."; return; }
  bar.hidden = false;
  const rows = [];
  for (const [i, model] of sheet.models.entries()) {
    if (i % 4 === 0) { bar.value = i / sheet.models.length; await new Promise((done) => setTimeout(done)); }
    if (model.shape.context && n.input + n.output > model.shape.context) continue;
    const [ranked] = rank({ ...input, precision: "" }, n, model, false);
    if (ranked.length) rows.push([model, ranked[0], score?.[model.slug] ?? null]);
  }
  bar.hidden = true;
  rows.sort((a, b) => score ? (b[2] ?? -Infinity) - (a[2] ?? -Infinity) : b[0].parameters - a[0].parameters);
  list.replaceChildren(html("p", {},
    rows.length
      ? `${many(rows.length, "model")} of ${sheet.models.length} meet${rows.length === 1 ? "s" : ""} `
        + `the targets${n.budget ? " and the budget" : ""}.`
      : "No model does; a larger budget or higher targets may help."),
    ...(rows.length ? [table([["Model"], ["Score", 1], ["Hardware"], ["USD a month", 1], ["TPOT", 1]],
      rows.slice(0, 40).map(([model, row, value]) => html("tr", {},
        html("td", { class: "what" }, html("button", { type: "button", class: "pick",
          onclick: () => { $("c-model").value = model.slug; render(); $("answer").scrollIntoView(); } }, model.name)),
          html("td", { class: "num", "data-label": "Score" }, value === null ? "not known" : String(value)),
          html("td", { "data-label": "Hardware" }, hardware(row)),
          html("td", { class: "num", "data-label": "USD a month" }, usd(row.cost.usd_month)),
          html("td", { class: "num", "data-label": "TPOT" }, ms(row.speed.tpot)))))] : []));
};

const tell = (text) => { $("said").textContent = text; };
const keep = (items) => { const fault = S.store(items); if (!fault) scenarios = items; tell(fault); list();
  return !fault; };
const list = () => {
  const row = (item) => html("li", {}, html("label", { class: "check" },
    html("input", { type: "checkbox", checked: compared.has(item.id),
      onchange: (event) => { if (event.target.checked && compared.size >= COMPARED) { event.target.checked = false;
        tell(`At most ${COMPARED} are compared.`); return; } compared[event.target.checked ? "add"
          : "delete"](item.id); compare(); } }), html("span", {}, item.name)),
    html("button", { type: "button", onclick: () => { write(item.input); $("c-name").value = item.name; render(); } },
      "Open"), html("button", { type: "button", onclick: () => keep([...scenarios,
        { ...item, id: fresh(), name: `${item.name} (copy)`.slice(0, 80) }]) }, "Duplicate"),
        html("button", { type: "button", onclick: () => { compared.delete(item.id);
          keep(scenarios.filter((s) => s.id !== item.id)); } }, "Delete"));
  $("scenarios").replaceChildren(scenarios.length ? html("ul", { class: "kept" }, ...scenarios.map(row))
    : html("p", { class: "empty" },
      "None yet. Give what you have a name and save it; tick two or more to compare them."));
  compare();
};
const fresh = () => `${Date.now().toString(36)}${Math.floor(performance.now() * 1e3).toString(36)}`;
const compare = () => {
  const chosenOnes = scenarios.filter((s) => compared.has(s.id));
  if (chosenOnes.length < 2 || !sheet) { $("compared").replaceChildren(); return; }
  const columns = chosenOnes.map((s) => { const model = sheet.bySlug.get(s.input.model),
    n = model ? numbersOf(s.input, model) : null; const [best] = n ? rank(s.input, n, model, false)[0] : [];
    return [s.name, best, model]; });
  const line = (label, of) => html("tr", {}, html("th", { scope: "row" }, label),
    ...columns.map(([name, best, model]) => html("td", { "data-label": name }, best ? of(best, model)
      : "no GPU qualifies")));
  $("compared").replaceChildren(html("table", { class: "plain compare" },
    html("thead", {}, html("tr", {}, html("td", {}), ...columns.map(([name]) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, line("Model", (_, model) => model.name), line("Hardware", (b) => hardware(b)),
      line("USD a month", (b) => usd(b.cost.usd_month)), line("$ per million output tokens",
        (b) => usd(b.cost.usd_million_output)), line("TTFT", (b) => ms(b.speed.ttft)),
        line("TPOT", (b) => ms(b.speed.tpot)))));
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
  for (const [gpu, provider, tier, months, size, micro, seen, stale, reclaims = 1] of raw.offers) {
    if (!made.offersByGpu.has(gpu)) made.offersByGpu.set(gpu, []);
    made.offersByGpu.get(gpu).push({ size, usd: micro / 1e6 * reclaims, reclaims, provider: raw.providers[provider][1],
      tier: raw.tiers[tier], months, seen, stale });
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
    sheet = prepare(await answer.json());
  } catch {
    $("answer").textContent = "The prices could not be loaded. Check the connection and load the page again.";
    return;
  }
  for (const gpu of sheet.gpus) {
    for (const id of ["c-owngpu", "c-minegpu"]) $(id).append(html("option", { value: gpu.slug }, gpu.name));
  }
  sheet.scores.forEach(([name], i) => $("c-score").append(html("option", { value: String(i) }, name)));
  const shared = window.sharedScenario && S.fromFragment(window.sharedScenario);
  if (shared) write(shared);
  else if (window.sharedScenario) tell("The link's scenario can't be read; it may be cut off.");
  render();
  list();
};

let waiting = 0;
$("ask").addEventListener("submit", (event) => event.preventDefault());
$("ask").addEventListener("input", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(render); });
root.querySelector(".presets").addEventListener("click", (event) => { const key =
  event.target.closest("[data-preset]")?.dataset.preset; if (key && sheet) preset(key); });
$("find").addEventListener("click", () => { if (sheet) findModels(); });
$("save").addEventListener("click", () => {
  const name = $("c-name").value.trim().slice(0, 80);
  if (!name) { tell("Give the scenario a name first."); $("c-name").focus(); return; }
  const same = scenarios.find((s) => s.name === name), item = { id: same?.id ?? fresh(), name, input: read() };
  if (keep(same ? scenarios.map((s) => s === same ? item : s) : [...scenarios, item])) tell(same
    ? `“${name}” is replaced.` : `“${name}” is saved in this browser.`);
});
$("share").addEventListener("click", async () => {
  const link = `${location.origin}/calculator${S.asFragment(read())}`;
  try { await navigator.clipboard.writeText(link);
    tell("The link is copied. What follows # in it is read by browsers alone; it is never sent to us.");
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
  if (!items?.length) { tell("This file holds no scenarios; a file that Export wrote would work."); return; }
  if (keep([...scenarios, ...items.map((item) => ({ ...item,
    id: fresh() + item.id.slice(0, 8) }))])) tell(`${many(items.length, "scenario")} imported.`);
});
$("clear").addEventListener("click", () => { tell(S.clear()); scenarios = []; compared = new Set(); list(); });
await start();
