// What users see of real traffic, and how many replicas it takes: lengths that vary, bursts, agents, drafts, prefill on
// replicas of its own. Formulas where they agree with simulation, else a simulation in a worker. Loaded when asked for.

const SHOWN = 8, PATIENCE = 300, MOST = 400;
// What a field may hold: lowest, highest, and what to say; an empty one asks for nothing
const FIELDS = {
  p95in: [1, 2e6, "95% of prompts"], p95out: [1, 2e6, "95% of answers"],
  burst: [0.05, 50, "Burstiness"], peak: [1, 100, "Peak"],
  turns: [1, 200, "Session", true], shared: [0, 1e6, "System prompt"],
  pause: [0.01, 1e5, "Pause"], reuse: [0, 99, "Cache hits"], net: [0.01, 2000, "Network"],
};

// { asked, faults } of the fields: numbers, null where nothing is asked
export const read = (input, n, WIDEST, fromLog) => {
  const asked = {}, faults = [];
  for (const [key, [low, high, name, whole]] of Object.entries(FIELDS)) {
    const text = String(input[key] ?? "").trim(), value = Number(text);
    asked[key] = text ? value : null;
    if (text && !(value >= low && value <= high && (!whole || Number.isInteger(value)))) {
      faults.push(`${name}: from ${low.toLocaleString("en")} to ${high.toLocaleString("en")}${whole
        ? ", a whole number" : ""}.`);
    }
  }
  for (const [key, mean] of [["p95in", n.input], ["p95out", n.output]]) {
    const value = asked[key];
    if (value === null || fromLog(key)) continue;
    if (value < mean) faults.push(`${FIELDS[key][2]}: at least the mean of ${mean.toLocaleString("en")}.`);
    else if (value > WIDEST * mean) {
      faults.push(`${FIELDS[key][2]}: at most ${WIDEST} times the mean, ${Math.floor(WIDEST * mean)
        .toLocaleString("en")}; no log-normal distribution is wider.`);
    }
  }
  return { asked, faults };
};

// Everything about a row under the traffic asked for: its pace, and what is seen with so many replicas
const trafficOf = (now, Q, S, asked, points) => {
  const { n, model, sheet, input, E } = now, turns = asked.turns ?? 1, shared = Math.min(asked.shared ?? 0, 1e6);
  const agents = turns > 1 || shared ? { turns, shared, pause: asked.pause ?? 10 } : null;
  const added = points.p95in ?? Q.spread(n.input, asked.p95in ?? 0);
  const outputs = points.p95out ?? Q.spread(n.output, asked.p95out ?? 0);
  const prompt = agents ? S.promptMean(agents, n.input, n.output) : n.input, share = (asked.reuse ?? 0) / 100;
  const [kind, drafted] = [sheet.drafts[Number(input.draftas)], Number(input.drafted)];
  const rate = n.rate * (asked.peak ?? 1), burst = asked.burst ?? 1;
  const plain = { rate, burst, prompts: added.map(([t, w]) => [t, Math.floor(t * share), w]), outputs, width: 1,
    advance: 1, extra: 0, own: 0 };
  return { agents, added, outputs, rate, burst, prompt, longest: agents ? shared + turns * (n.input + n.output)
    : n.input + n.output, drafts: kind && drafted ? { kind, drafted } : null, apart: input.apart === true,
  of: (row) => {
    const { card } = row.gpu, { layout } = row;
    const t = E.terms(model.shape, card, layout, Math.round(prompt), n.output, sheet.constants, sheet.bytes,
      row.basis.factors);
    const p = Q.pace(E, t, model.shape, card, layout, prompt, n.output, sheet.constants, sheet.bytes);
    const base = kind && drafted ? S.drafting(p, plain, drafted, kind[3][drafted - 1]) : plain;
    const gpus = layout.tensor * layout.data * layout.pipeline;
    const link = (asked.net ? asked.net * 1e9 : card.network) * gpus;
    const see = (count) => {
      if (input.apart === true) {
        if (count < 2) return { busy: Infinity, ttft: [0, 0], whole: [0, 0], each: [0, 0] };
        const made = agents ? S.reused(Q, p, agents, added, outputs, rate / count, burst, base) : null;
        const load = made ? { ...made.load, rate, burst } : { ...base, rate };
        const [split, found] = S.bestApart(Q, p, load, count, link, n.ttft / 1e3, n.tpot / 1e3);
        return { ...found, split, reused: made };
      }
      if (!agents) return Q.seen(p, { ...base, rate: rate / count });
      const made = S.reused(Q, p, agents, added, outputs, rate / count, burst, base);
      return { ...made.seen, reused: made };
    };
    // Fewer replicas could not serve it even if every session were found
    const best = agents ? { ...base, prompts: S.prompts(Q, agents, added, Q.meanOf(outputs), 1),
      own: prompt - shared + n.output / 2 } : base;
    return { p, base, see, least: Math.max(n.least, Math.ceil(rate / Q.mostRate(p, best))) };
  } };
};

// The least that a row costs with so many replicas
const costOf = ({ E, n, sheet, input, offersOf }, row, count) => {
  const offers = row.offer.tier === "own" ? [row.offer]
    : offersOf(sheet.gpus.indexOf(row.gpu)).filter((o) => input[o.tier]);
  const need = { prompt: n.input, output: n.output, rate: n.rate, utilisation: 1, spare: n.spare, least: count,
    hours: n.hours };
  return E.cheapest([{ layout: row.layout, speed: { ...row.speed, throughput: Infinity } }], need,
    offers.map((o) => [o.size, o.usd]))?.cost ?? null;
};


const HEADS = ["Hardware", "Replicas", "USD a month", "TTFT, 95%", "Whole answer, 95%", "Known by"];
let turn = 0, worker = null;
const stop = () => { worker?.terminate(); worker = null; };

// A row simulated in a worker: { count, found }, with a count of 0 where none holds, or null where the browser can't.
// `tell` hears the share that is done. One runs at a time.
const simulation = (modules, traffic, made, size, limits, least, tell) => new Promise((done) => {
  stop();
  worker = new Worker(modules.worker, { type: "module" });
  worker.onerror = () => { stop(); done(null); };
  worker.onmessage = ({ data }) => {
    if (data.share !== undefined) { tell(data.share); return; }
    stop();
    done(data);
  };
  const { agents, added, outputs, rate, burst } = traffic;
  worker.postMessage({ queueing: modules.queueing, pace: made.p, base: made.base, agents, added, outputs, rate, burst,
    limits, from: size, running: made.see(size).running ?? 1, least });
});

export const panel = ({ html, now, Q, S, points, modules }) => {
  const mine = ++turn, { n, model, row, ms, usd, many, short } = now, long = (s) => `${short(s)}\u00a0s`;
  stop();
  const said = html("div", { role: "status", id: "real-said" }), others = html("div", { id: "real-others" });
  const tell = (...text) => said.replaceChildren(html("p", {}, ...text));
  const { asked, faults } = read(now.input, n, Q.WIDEST, (key) => Boolean(points[key]));
  if (faults.length) {
    said.replaceChildren(...faults.map((text) => html("p", { class: "fault" }, text)));
    return [said];
  }
  if (!row) { tell("No GPU qualifies as asked, so there is nothing to size."); return [said]; }
  const traffic = trafficOf(now, Q, S, asked, points), limits = [n.ttft / 1e3, n.tpot / 1e3];
  if (model.shape.context && traffic.longest > model.shape.context) {
    tell(`The last request of a session has ${Math.round(traffic.longest).toLocaleString("en")} tokens, more than the `
      + `${model.shape.context.toLocaleString("en")} of context that ${model.name} has; fewer turns would do.`);
    return [said];
  }
  const gain = (made, found) => S.gain(Q, made.p, Math.max(found.running, 1), traffic.prompt + n.output / 2,
    traffic.drafts.drafted, made.base.advance);
  const facts = (found, made, count, how, cost) => {
    const twice = ([p50, p95], time) => `${time(p50)} for half, ${time(p95)} for 95%`, { reused, split } = found;
    return [["Time to first token", twice(found.ttft, ms)], ["Whole answer", twice(found.whole, long)],
      ["Tokens a second per user", found.each[0] ? `${short(1 / found.each[0])} for half, ${short(1 / found.each[1])} `
        + "or more for 95%" : "one token an answer"],
      ["Load", `${Math.round(found.busy * 100)}% of what a replica can serve`],
      ...(reused ? [["Prefix cache", `${Math.round((found.cached ?? reused.cached) * 100)}% of the prompts’ tokens `
        + `are found; a session is kept ${reused.kept > 1e5 ? "for days" : `about ${long(reused.kept)}`} after its `
        + "last use"]] : []),
      ...(traffic.drafts ? [["Speculative decoding", `${many(traffic.drafts.drafted, "token")} drafted, `
        + `${made.base.advance} tokens come of a step, as measured for ${traffic.drafts.kind[0]} `
        + `(${traffic.drafts.kind[1]}, coding prompts); each comes ${short(gain(made, found))} times as fast as `
        + "without. The gain is physics alone: no measurement is fitted to it"]] : []),
      ...(split ? [["Prefill apart", `${many(split.prefill, "replica")} for prompts, ${many(split.decode, "replica")} `
        + "for answers; the cache is sent whole when a prompt is done, over the network of the GPUs. It rests on a "
        + "queue’s formulas that rank as simulated, not on measurements"]] : []),
      ...(cost ? [["Power", now.power(row, cost)]] : []), ["How it is known", how]].map(([name, text]) =>
      html("div", {}, html("dt", {}, name), html("dd", {}, text)));
  };
  const shown = (found, made, count, how, cost) => said.replaceChildren(html("p", {},
    html("strong", {}, cost ? `${cost.gpus} × ${row.gpu.name}, ${usd(cost.usd_month)} a month` : row.gpu.name), ": ",
    `${many(count, "replica")}${n.spare ? ` and ${many(n.spare, "spare one")}` : ""} ${count + n.spare > 1 ? "meet"
      : "meets"} both targets for 95% of requests${asked.peak ? " in the busiest hour" : ""}. The plain answer, `
    + `with every length alike and a planned utilisation of ${n.utilisation}%, has ${many(row.cost.replicas - n.spare,
      "replica")}.`),
  html("dl", { class: "facts" }, ...facts(found, made, count, how, cost)));
  // Rows simulated already, so that the chosen one is not simulated again for the table
  const known = new Map();
  const simulate = async (one, made, from, heard) => {
    if (!known.has(one.key)) {
      const found = await simulation(modules, traffic, made, from, limits, n.least, heard);
      if (found) known.set(one.key, found);
    }
    return known.get(one.key) ?? null;
  };
  const simulateChosen = async (made, from) => {
    const bar = html("progress", { max: 1, value: 0, "aria-label": "Simulating" });
    said.replaceChildren(html("p", {}, "The formulas don’t cover this load well, so an engine is simulated. "), bar);
    const data = await simulate(row, made, from, (share) => { bar.value = share; });
    if (mine !== turn) return;
    if (!data) tell("The simulation can’t run in this browser.");
    else if (!data.count) tell("Simulated: no number of replicas was found that meets both targets.");
    else shown({ ...made.see(data.count), ...data.found }, made, data.count, `simulated: ${data.found.requests
      .toLocaleString("en")} requests on one replica, in this browser`, costOf(now, row, data.count));
  };
  const sized = (made) => made.least > MOST ? null
    : S.replicas(made.see, ...limits, traffic.apart ? Math.max(n.least, 2) : made.least);
  const solve = async () => {
    const made = traffic.of(row), size = sized(made);
    if (!size) {
      const lone = made.see(MOST);
      tell(lone.busy < 1 ? `Even with ${MOST} replicas 95% of requests would see a TTFT of ${ms(lone.ttft[1])} `
        + `and a TPOT of ${ms(lone.each[1])} or less; prompts longer than the mean take longer. Looser targets or `
        + "another GPU may help." : `It takes more than ${MOST} replicas, which are not planned here.`);
      return;
    }
    const [count, found] = size;
    if (traffic.apart || found.sure) {
      shown(found, made, count, traffic.apart ? "formulas that rank as simulated; see the methodology"
        : "formulas that agree with a simulated engine; see the methodology", costOf(now, row, count));
    } else await simulateChosen(made, count);
  };
  const cell = (name, text, kind = "num") => html("td", { class: kind, "data-label": name }, text);
  const line = (one) => {
    const { other, count, found, cost, how } = one;
    const name = cost ? `${cost.gpus} × ${other.gpu.name}` : other.gpu.name;
    one.line = html("tr", {}, html("td", { class: "what" }, name),
      ...(cost ? [cell("Replicas", String(count)), cell("USD a month", usd(cost.usd_month)),
        cell("TTFT, 95%", ms(found.ttft[1])), cell("Whole answer, 95%", long(found.whole[1]))]
        : [html("td", { colspan: 4 }, "no number of replicas was found that meets both targets")]),
      cell("Known by", how, false));
    return one.line;
  };
  const table = (rows, text) => others.replaceChildren(html("h2", {}, "The cheapest hardware above, sized for this "
    + "traffic"), html("p", { class: "source", id: "real-known" }, text), html("table", { class: "plain cards" },
  html("thead", {}, html("tr", {}, ...HEADS.map((name, i) => html("th", { scope: "col", class: i > 0 && i < 5
    && "num" }, name)))), html("tbody", {}, ...rows.sort((a, b) => (a.cost?.usd_hour ?? Infinity)
    - (b.cost?.usd_hour ?? Infinity)).map(line))));
  // Every row by its formulas; then those that the formulas are not sure of are simulated, one after the other
  const compare = async () => {
    const rows = [];
    for (const other of now.rows.slice(0, SHOWN)) {
      await new Promise((done) => setTimeout(done, 0));
      if (mine !== turn) return null;
      const made = traffic.of(other), size = sized(made), cost = size && costOf(now, other, size[0]);
      const sure = traffic.apart || size?.[1].sure;
      if (cost) rows.push({ other, made, count: size[0], found: size[1], cost, sure, how: sure ? "formulas"
        : "formulas, uncertain; waiting to be simulated" });
    }
    const unsure = rows.filter((one) => !one.sure);
    if (rows.length) table(rows, unsure.length ? `The formulas are uncertain for ${many(unsure.length, "row")}, which `
      + `${unsure.length > 1 ? "are" : "is"} simulated in this browser, one after the other.` : traffic.apart
      ? "By formulas that rank as simulated." : "The formulas cover every row.");
    return rows;
  };
  const settle = async (rows) => {
    const unsure = rows.filter((one) => !one.sure), open = () => said.closest("details")?.open !== false;
    let failed = 0;
    for (const one of unsure) {
      const place = one.line.lastChild;
      const data = await simulate(one.other, one.made, one.count, (share) => {
        place.textContent = `formulas, uncertain; simulating, ${Math.round(share * 100)}%`; });
      if (mine !== turn || !open()) return;
      if (!data) { failed++; one.how = "formulas, uncertain"; one.line.replaceWith(line(one)); continue; }
      Object.assign(one, { count: data.count, found: data.found, how: "simulated",
        cost: data.count ? costOf(now, one.other, data.count) : null });
      const before = one.line;
      before.replaceWith(line(one));
    }
    if (unsure.length) table(rows, failed ? "The simulation can’t run in this browser: where the formulas are "
      + "uncertain, their figures may be far off." : `${many(unsure.length, "row")} of ${rows.length} simulated; `
      + "the formulas cover the others.");
  };
  setTimeout(async () => {
    if (mine !== turn) return;
    const chosen = solve(), rows = await compare();
    await chosen;
    if (rows && mine === turn) await settle(rows);
  }, mine > 1 ? PATIENCE : 0);
  return [html("p", { class: "source" }, "What users see on the chosen hardware, with requests spread over the "
    + "replicas at random; targets are met for 95% of them, by the prediction itself, leaving out its range. Nothing "
    + "leaves this device."), said, others];
};
