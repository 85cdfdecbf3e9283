// What the calculator shows: the answer, the table of hardware, a row's details, scenarios beside each other.
// It makes elements from figures; nothing here reads a field or sends anything.

export const usd = (v) => v >= 1000 ? `$${Math.round(v).toLocaleString("en")}` : v >= 1 ? `$${v.toFixed(2)}`
  : `$${+v.toPrecision(3)}`;
// Seconds for a reader, always in milliseconds, as the fields are: 32.5 ms, 1,290 ms
export const ms = (s, digits = 3) => {
  const rounded = +(s * 1e3).toPrecision(digits);
  return `${rounded >= 100 ? rounded.toLocaleString("en") : rounded}\u00a0ms`;
};
// Two times that differ, written with as many digits as it takes to see that: 50.02 ms, 50 ms
export const apart = (one, other) => {
  const digits = [3, 4, 5, 6].find((n) => ms(one, n) !== ms(other, n)) ?? 7;
  return [ms(one, digits), ms(other, digits)];
};
const gb = (b) => `${+(b / 1e9).toPrecision(3)}\u00a0GB`;
export const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
export const short = (n) => n >= 1000 ? Math.round(n).toLocaleString("en") : String(+n.toPrecision(3));
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const day = (n, year = true) => {
  const d = new Date(n * 864e5);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]}${year ? ` ${d.getUTCFullYear()}` : ""}`;
};

const RESTS_ON = { own: "your measurement", measured: "measured here", family: "same family",
  physics: "physics alone" };
const WHY = { own: "yours, on this GPU generation, combined with what is known",
  measured: "this model was measured with this engine, GPU generation and format",
  family: "this model was measured on other engines or GPUs, or similar models on this GPU generation",
  physics: "nothing was measured in this format and generation that is like it; the range is wider" };

// How a replica is split over its GPUs; nothing where it has one
const split = (l) => [l.tensor > 1 && `TP ${l.tensor}`, l.data > 1 && `attention DP ${l.data}`,
  l.pipeline > 1 && `PP ${l.pipeline}`, l.experts_split && "expert parallel"].filter(Boolean);
const whose = (o) => o.provider + (o.tier === "on-demand" || o.tier === "own" ? "" : o.tier === "spot" ? ", spot"
  + (o.reclaims > 1 ? ` with ${((o.reclaims - 1) * 100).toPrecision(2)}% for reclaims` : "") : `, ${o.months} months`);
// A layout over several GPUs at an offer that does not say how many its machines have
export const unstated = (row) => Number(!row.offer.size && row.offer.tier !== "own" && row.cost.size > 1);
export const hardware = (row) => `${row.cost.gpus} × ${row.gpu.name}`;
const types = (rows) => new Set(rows.map((r) => r.gpu.slug)).size;
const COLUMNS = 10, BARS_TO = 11;

// The four measured set-ups nearest to a predicted one: app/benchmarks/nearest.py. A test compares both languages
export const nearest = (sheet, input, model, row, n) => {
  const m = sheet.measured, words = m.words, c = m.columns, name = `${model.owner}/${model.name}`.toLowerCase(),
    found = [];
  for (let i = 0; i < c[0].length; i++) {
    const far = Math.abs(Math.log(c[7][i] / n.input)) + Math.abs(Math.log(c[8][i] / n.output))
      + Math.abs(Math.log(c[9][i] / row.load))
      + Math.abs(Math.log(c[4][i] * c[5][i] / (row.layout.tensor * row.layout.pipeline * row.layout.data)));
    const other = (words[c[0][i]] === name ? 0 : 6) + (sheet.gpus[c[1][i]]?.slug === row.gpu.slug ? 0 : 4)
      + (words[c[3][i]] === input.engine ? 0 : 1)
      + (words[c[2][i]].slice(-3) === row.layout.precision.slice(-3) ? 0 : 1.5);
    found.push([far + other, i]);
  }
  found.sort((a, b) => a[0] - b[0]);
  return found.slice(0, 4).map(([distance, i]) => ({ distance, model: words[c[0][i]].split("/").pop(),
    gpu: sheet.gpus[c[1][i]].name, precision: words[c[2][i]], engine: words[c[3][i]], gpus: c[4][i] * c[5][i],
    input: c[7][i], output: c[8][i], load: c[9][i], tpot: c[10][i] / 1e3, ttft: c[11][i] / 1e3 }));
};

export const results = (E, P, sheet) => {
  const { html } = P;
  const wide = (row) => row.wide ??= { ttft: sheet.ranges.ttft[row.basis.range].map((f) => f * row.seen.ttft),
    tpot: E.widened(row.terms, row.need, row.cost, sheet.constants, sheet.ranges[E.regime(row.seen)][row.basis.range])
      .map((f) => f * row.seen.tpot) };
  // With one output token all of the cost is the prompt's
  const perMillion = (row) => row.speed.tpot ? usd(row.cost.usd_million_output) : "none";

  const table = (head, rows) => html("table", { class: "plain cards" },
    html("thead", {}, html("tr", {}, ...head.map(([name, num]) =>
      html("th", { scope: "col", class: num && "num" }, name)))), html("tbody", {}, ...rows));

  const answer = (model, rows, excluded) => {
    const best = rows[0];
    if (!best) return ["No offered GPU meets these targets. ", html("a", { href: "#excluded" }, "Each says why"),
      ", and what would admit it; lighter weights or another tier may help too."];
    const { offer } = best, slow = wide(best).ttft[1];
    return [html("b", { class: "best" }, hardware(best)), " ",
      html("b", {}, `${usd(best.cost.usd_month)} a month`), " ",
      html("span", {}, `${usd(best.cost.usd_million_input)} per million input tokens${best.speed.tpot
        ? `, ${usd(best.cost.usd_million_output)} per million output` : ""} of ${model.name} · at this traffic TTFT `
        + `${ms(best.seen.ttft)} predicted, ${ms(slow)} at the slow end of the 80% range · ${whose(offer)}`
        + `${unstated(best) ? ", machine size not stated" : ""}`
        + `${offer.seen ? `, ${day(offer.seen)}${offer.stale ? ", stale" : ""}` : ""} · `
        + `${many(types(rows), "GPU type")} ${types(rows) === 1 ? "qualifies" : "qualify"}, `,
      html("a", { href: "#excluded" }, `${excluded} ${excluded === 1 ? "doesn’t" : "don’t"}`))];
  };

  const cell = (name, kind, ...inside) => html("td", { class: kind, "data-label": name }, ...inside);

  const timed = (name, value, [low, high], target, times) => [
    cell(name, "num t", ms(value)),
    html("td", { class: "gauge" }, P.range(low, value, high, target, times),
      html("span", { class: "vh" }, `${name} 80% range ${ms(low)} to ${ms(high)}`))];

  const line = (row, i, { chosen, end, n, published, pick }) => {
    const { offer, layout } = row, format = layout.precision === published ? [] : [layout.precision];
    return html("tr", { class: [i === 0 && "on", row.key === chosen && "chosen"].filter(Boolean).join(" ") || false },
      html("td", { class: "what" }, html("button", { type: "button", class: "pick", "data-row": row.key,
        "aria-expanded": String(row.key === chosen), onclick: () => pick(row.key) }, hardware(row)), " ",
        html("small", {}, [...format, many(row.cost.replicas, "replica"), ...split(layout)].join(", "))),
      cell("USD a month", "num usd", html("b", {}, usd(row.cost.usd_month))),
      html("td", { class: "gauge cost" }, P.cost(row.cost.usd_month, end)),
      cell("$ per million output tokens", "num out", perMillion(row)),
      ...timed("TTFT", row.seen.ttft, wide(row).ttft, n.ttft / 1e3, 3),
      ...timed("TPOT", row.seen.tpot, wide(row).tpot, n.tpot / 1e3, 2),
      cell("Rests on", "basis", RESTS_ON[row.basis.rests_on]),
      cell("Price from", "from", whose(offer), ...(unstated(row) ? ["; machine size not stated"] : []),
        ...(offer.seen ? [`, ${day(offer.seen, false).replace(" ", "\u00a0")}\u00a0`,
        ...(offer.stale ? [html("abbr", { class: "old", title: "stale" }, "○")] : [])] : [])));
  };

  const why = ([name, reason, wanted], set) => html("tr", {}, html("td", { class: "what" }, name),
    html("td", { colspan: COLUMNS - 1 }, reason, ...(wanted ? [`${wanted.words} `, html("button", { type: "button",
      class: "pick", "aria-label": wanted.label, onclick: () => set(wanted.key, wanted.value) }, wanted.text),
      "."] : ["."])));

  // The table's groups: what qualifies, the cheapest first, the chosen row opened; then what doesn't, and why
  const groups = (rows, reasons, how) => {
    const shown = rows.filter((r, i) => i < how.shown || r.offer.tier === "own" || r.key === how.chosen);
    const end = rows[Math.min(BARS_TO, rows.length - 1)]?.cost.usd_month ?? 1;
    const body = shown.flatMap((row, i) => [line(row, i, { ...how, end }), ...(row.key === how.chosen
      ? [html("tr", { class: "opened" }, html("td", { colspan: COLUMNS }, html("div", { id: "detail" },
        ...how.detail(row))))] : [])]);
    if (shown.length < rows.length) body.push(html("tr", { class: "all" }, html("td", { colspan: COLUMNS },
      html("button", { type: "button", class: "pick", onclick: how.all },
        `Show ${rows.length - shown.length} more that qualify`))));
    return [html("tbody", {}, ...body), html("tbody", { id: "excluded" }, html("tr", { class: "group" },
      html("th", { colspan: COLUMNS, scope: "rowgroup" }, `Excluded GPUs (${reasons.length})`)),
    ...reasons.map((reason) => why(reason, how.set)))];
  };

  const front = (rows) => {
    const points = rows.filter((r) => r.seen.tpot).map((r) => [r.cost.usd_month, 1 / r.seen.tpot,
      `${hardware(r)}: ${usd(r.cost.usd_month)} a month, ${(1 / r.seen.tpot).toFixed(1)} tokens/s`]);
    const best = P.pareto(points);
    const drawn = P.scatter({ title: "Cost against speed", points, front: best, xLabel: "USD a month",
      yLabel: "tokens/s per user", xText: usd, yText: String });
    return drawn && [drawn, html("figcaption", {},
      html("span", { class: "key low" }, "nothing else is both cheaper and faster"),
      best.map((i) => hardware(rows[i])).slice(0, 6).join(", "))];
  };

  // Energy and CO2 of a month: at the visitor's figure, the chosen country's, or that of the offer's own country
  const power = (input, n, row, cost = row.cost) => {
    const kw = row.gpu.card.watts * cost.gpus / 1e3, kwh = kw * 730 * n.hours / 24;
    if (!kw) return "not known";
    const known = sheet.grids[input.gridof || row.offer.place], world = sheet.electricity.g_per_kwh;
    const [grams, whose] = n.grid !== null ? [n.grid, "as entered"] : known ? [known[1], `${known[0]}, ${known[2]}`]
      : [world, "world average, as the machine’s country is not stated"];
    return `${kw.toFixed(2)} kW rated, ${Math.round(kwh).toLocaleString("en")} kWh and `
      + `${Math.round(kwh * grams / 1e3).toLocaleString("en")} kg of CO₂ a month, at ${grams} g/kWh (${whose})`;
  };

  const factsOf = (input, row, n) => {
    const { speed, seen, cost, layout: l } = row;
    const range = (name, key, limit) => { const [low, high] = wide(row)[key];
      return [name, [`${ms(seen[key])} (${ms(low)} to ${ms(high)})`, P.range(low, seen[key], high, limit / 1e3)]]; };
    return [range("TTFT (time to first token)", "ttft", n.ttft), range("TPOT (per output token)", "tpot", n.tpot),
      ["Full load of a replica", [`${row.load} at a time (${Math.floor(Math.min(speed.most, 1e6))} fit): TTFT `
        + `${ms(speed.ttft)}${speed.tpot ? `, TPOT ${ms(speed.tpot)}` : ""}, still within the targets`]],
      ["Throughput", [(seen.tpot ? `${(1 / seen.tpot).toFixed(1)} tokens/s per user; at full load ` : "At full load ")
        + `${short(speed.throughput / (l.tensor * l.data * l.pipeline))} per GPU, `
        + `${short(speed.throughput * cost.replicas)} in total`]],
      ["Rests on", [`${RESTS_ON[row.basis.rests_on]}: ${WHY[row.basis.rests_on]}`]],
      ["Weights", [l.precision]],
      ["Cost", [`${usd(cost.usd_request)} a request, ${usd(cost.usd_million_input)} per million input tokens, `
        + `${perMillion(row)} per million output tokens`]],
      ["Bought as", [`${many(cost.instances, "instance")} of ${many(cost.size, "GPU")} at ${usd(row.offer.usd)} per `
        + `GPU-hour: ${usd(cost.usd_hour)} an hour${row.offer.size ? "" : "; instance size not stated"}`]],
      ["Power", [power(input, n, row)]],
      ["Limited by", [E.limitedBy(seen)]]];
  };

  const againstApi = (row, n, api) => {
    if (!api.length) return [html("p", { class: "source" }, "No API price is known for this model.")];
    const { cost } = row, requests = n.rate * 3600 * 730 * n.hours / 24;
    const each = (a) => (n.input * a[1] + n.output * a[2]) / 1e6,
    cheapest = api.reduce((a, b) => each(b) < each(a) ? b : a), even = cost.usd_month / each(cheapest);
    const busy = row.speed.throughput / n.output * (cost.replicas - n.spare) * (n.utilisation / 100);
    const most = busy * 3600 * 730 * n.hours / 24;
    const ends = [Math.max(Math.min(even, requests) / 10, 1), Math.max(even, requests, most) * 3];
    const drawn = P.scatter({ title: "Cost of a month against requests",
      lines: [["this hardware", [[ends[0], cost.usd_month], [Math.max(most, ends[0] * 1.01), cost.usd_month]]],
        [cheapest[0], ends.map((r) => [r, r * each(cheapest)])]], xLabel: "requests a month", yLabel: "USD a month",
        xText: (v) => v.toLocaleString("en", { notation: "compact" }), yText: usd });
    return [html("h3", {}, "Against an API"), html("p", {},
      even <= most
        ? `Cheaper than ${cheapest[0]} (${usd(each(cheapest))} a request) from `
          + `${Math.round(even).toLocaleString("en")} requests a month; you plan `
          + `${Math.round(requests).toLocaleString("en")}.`
        : `${cheapest[0]} costs less at any load this hardware can serve `
          + `(${usd(each(cheapest))} a request against ${usd(cost.usd_request)}).`),
    ...(drawn ? [html("figure", { class: "chart" }, drawn,
      html("figcaption", {}, html("span", { class: "key low" }, "this hardware, up to its load"),
        html("span", { class: "key mid" }, cheapest[0]), `API prices: ${sheet.api.source}`))] : [])];
  };

  const detail = (input, n, model, row) => {
    const { speed } = row, p = row.seen.parts, used = speed.kv_sequence * Math.min(row.load, speed.most)
      / (row.layout.data * row.layout.pipeline);
    return [html("h2", {}, html("a", { href: `/gpus/${row.gpu.slug}` }, hardware(row))),
      html("dl", { class: "facts" }, ...factsOf(input, row, n).map(([name, value]) =>
        html("div", {}, html("dt", {}, name), html("dd", {}, ...value)))),
      html("div", {}, P.bar("Where the time of a token goes", [["weights", p[0]], ["KV cache", p[1]],
        ["arithmetic", p[2]], ["between GPUs", p[3]], ["layers and steps", p[4]], ["requests", p[5]],
        ["other requests’ prefill", p[6]]], ms),
      P.bar("Where the memory of a GPU goes", [["weights", speed.weights], ["KV cache at full load", used],
        ["free", Math.max(row.gpu.card.memory - speed.weights - used - 2e9, 0)], ["runtime", 2e9]], gb),
      html("h3", {}, "Nearest measurements"), table([["Measured"], ["Tokens", 1], ["Concurrency", 1], ["TTFT", 1],
        ["TPOT", 1]], nearest(sheet, input, model, row, n).map((r) => html("tr", {}, html("td", { class: "what" },
        `${r.model}, ${r.gpus} × ${r.gpu}`, html("small", { class: "sub" }, `${r.precision}, ${r.engine}`)),
      cell("Tokens", "num", `${r.input.toLocaleString("en")} + ${r.output.toLocaleString("en")}`),
      cell("Concurrency", "num", String(r.load)),
      cell("TTFT", "num", r.ttft ? ms(r.ttft) : "not measured"), cell("TPOT", "num", ms(r.tpot))))),
      ...againstApi(row, n, sheet.api.prices[model.slug] ?? []))];
  };

  // The models that run, each with its cheapest hardware
  const models = (rows, n, choose) => [html("p", {}, rows.length
    ? `${many(rows.length, "model")} of ${sheet.models.length} meet${rows.length === 1 ? "s" : ""} `
      + `the targets${n.budget ? " and the budget" : ""}.`
    : "No model qualifies; a larger budget or looser targets may help."),
  ...(rows.length ? [table([["Model"], ["Score", 1], ["Hardware"], ["USD a month", 1], ["TPOT", 1]],
    rows.slice(0, 40).map(([model, row, value]) => html("tr", {},
      html("td", { class: "what" }, html("button", { type: "button", class: "pick",
        onclick: () => choose(model.slug) }, model.name)),
      cell("Score", "num", value === null ? "not known" : String(value)), cell("Hardware", false, hardware(row)),
      cell("USD a month", "num", usd(row.cost.usd_month)), cell("TPOT", "num", ms(row.seen.tpot)))))] : [])];

  const ASKED = [["rate", "Requests a second"], ["input", "Tokens in"], ["output", "Tokens out"],
    ["ttft", "TTFT target, ms"], ["tpot", "TPOT target, ms"]];
  const ALSO = [["precision", "Weights", "as published"], ["kv", "Bytes of a KV cache element", "engine default"],
    ["engine", "Engine"], ["sure", "Slow end meets the targets"], ["budget", "Budget, USD a month", "none"],
    ["utilisation", "Utilisation, %"], ["hours", "Hours a day"], ["least", "Minimum replicas"],
    ["spare", "Spare replicas"], ["reload", "Reload after a spot reclaim, min"],
    ["lost", "Work lost in a spot reclaim, up to min"], ["on-demand", "On demand"], ["spot", "Spot"],
    ["reserved", "Reserved"],
    ["ownusd", "Own price, USD per GPU-hour", "none"], ["owngpu", "Own price for", "no GPU"]];

  // Scenarios side by side: [name, input, cheapest row or nothing, model]. Rows that differ and best figures are
  // marked.
  const compared = (columns) => {
    const said = (value, none) => value === true ? "yes" : value === false ? "no" : String(value || none || "");
    const lineOf = (label, of, figure) => {
      const texts = columns.map((column) => of(column)), figures = figure && columns.map((c) => c[2] ? figure(c[2])
        : Infinity), least = figures && Math.min(...figures), differs = new Set(texts).size > 1;
      const best = (i) => differs && figures && figures[i] === least;
      return [differs, html("tr", { class: differs && "differs" }, html("th", { scope: "row" }, label,
        ...(differs ? [html("span", { class: "vh" }, " (differs)")] : [])), ...texts.map((text, i) =>
        html("td", { "data-label": columns[i][0], class: best(i) && "best" }, text,
          ...(best(i) ? [html("span", { class: "vh" }, " (best)")] : []))))];
    };
    const of = (words) => (c) => c[2] ? words(c[2]) : "no GPU qualifies";
    const lines = [lineOf("Model", (c) => c[3]?.name ?? "not known"),
      ...ASKED.map(([key, label]) => lineOf(label, (c) => Number(c[1][key]).toLocaleString("en"))),
      ...ALSO.map(([key, label, none]) => lineOf(label, (c) => said(c[1][key], none))).filter(([differs]) => differs),
      lineOf("Hardware", of(hardware)), lineOf("USD a month", of((r) => usd(r.cost.usd_month)),
        (r) => r.cost.usd_month),
      lineOf("$ per million output tokens", of(perMillion),
        (r) => r.cost.usd_million_output),
      lineOf("TTFT", of((r) => ms(r.seen.ttft)), (r) => r.seen.ttft),
      lineOf("TPOT", of((r) => ms(r.seen.tpot)), (r) => r.seen.tpot)];
    return [html("table", { class: "plain compare" }, html("thead", {}, html("tr", {}, html("td", {}),
      ...columns.map(([name]) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, ...lines.map(([, row]) => row))),
    html("p", { class: "source" }, "Rows that differ are shown dark; the best figure in each is highlighted.")];
  };

  return { answer, groups, front, detail, models, compared, power };
};
