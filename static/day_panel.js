// A day drawn by the hour, and the cheapest way through it for the chosen hardware. Loaded when asked for.

const DAYS_A_MONTH = 730 / 24;
const PEAKS = { flat: () => 1, office: (h) => h >= 9 && h < 18 ? 1 : 0.15, evening: (h) => 0.3 + 0.7
  * Math.exp(-(((h - 20 + 36) % 24 - 12) ** 2) / 18) };
const NAMES = { flat: "Flat", office: "Office hours", evening: "Evening peak" };
const TALL = 96, WIDE = 20;
const NS = "http://www.w3.org/2000/svg";

const hourText = (h) => `${String(h).padStart(2, "0")}:00`;

// Spans of hours in which a number is above 0: "09:00 to 18:00"
const spans = (counts) => {
  const found = [];
  let from = -1;
  for (let h = 0; h <= 24; h++) {
    if (h < 24 && counts[h] > 0) { if (from < 0) from = h; } else if (from >= 0) {
      found.push(`${hourText(from)} to ${hourText(h)}`);
      from = -1;
    }
  }
  return found.join(" and ");
};

// The bars of a day: what runs all day, what is added in each hour, and the load as a line
const chart = (plan, rates, replicaRate, baseReplicas, burstReplicas, text) => {
  const top = Math.max(...rates, ...burstReplicas.map((b) => (b + baseReplicas) * replicaRate)) || 1;
  const y = (rate) => TALL - rate / top * TALL;
  const make = (tag, given) => { const el = document.createElementNS(NS, tag);
    for (const [k, v] of Object.entries(given)) el.setAttribute(k, v);
    return el; };
  const svg = make("svg", { viewBox: `0 0 ${24 * WIDE} ${TALL + 18}`, role: "img", "aria-label": text, class: "day" });
  rates.forEach((rate, h) => {
    const low = baseReplicas * replicaRate, high = low + burstReplicas[h] * replicaRate;
    svg.append(make("rect", { x: h * WIDE + 1, y: y(low), width: WIDE - 2, height: TALL - y(low), class: "base" }),
      make("rect", { x: h * WIDE + 1, y: y(high), width: WIDE - 2, height: y(low) - y(high), class: "burst" }),
      make("line", { x1: h * WIDE, x2: (h + 1) * WIDE, y1: y(rate), y2: y(rate), class: "load" }));
    if (h % 6 === 0) {
      const at = make("text", { x: h * WIDE, y: TALL + 14 });
      at.textContent = hourText(h);
      svg.append(at);
    }
  });
  return svg;
};

// How many of each hourly machine run in every hour: they stand all day, however they are paid
const always = (plan, burst) => burst.map((_, i) => Math.min(...plan.burst.map((hour) => hour[i])));

// What a plan says, in sentences: [what runs all day, what is added, what the API takes]
export const sentences = ({ many, short }, plan, base, burst) => {
  const low = always(plan, burst);
  const machines = (n, unit, what = "machine") => n ? [`${many(n, what)} ${unit.name}`] : [];
  const standing = [...base.flatMap((unit, i) => machines(plan.base[i], unit)),
    ...burst.flatMap((unit, i) => machines(low[i], unit))];
  const added = burst.flatMap((unit, i) => {
    const counts = plan.burst.map((hour) => hour[i] - low[i]), most = Math.max(...counts);
    return machines(most, unit, low[i] ? "more machine" : "machine").map((words) => `up to ${words}, ${spans(counts)}`);
  });
  return [standing.length ? `All day: ${standing.join(" and ")}.` : "No machine runs all day.",
    ...(added.length ? [`By the hour: ${added.join("; ")}.`] : []),
    ...(plan.overflow ? [`${short(plan.overflow * 100)}% of the requests go to the API.`] : [])];
};

// `units(atSpot)` gives { base, burst } of machines as { replicas, usd, name }, where `atSpot` turns a spot price into
// that of an hour of work done; `rate` is the mean rate asked for, `api` { usd, name } of a request or null, `byHour`
// 24 rates of a log or null, `drawn` the hours drawn before as shares of the mean, which `keep` keeps
export const panel = ({ html, many, short, D, stretch, units, rate, replicaRate, least, spare, api, byHour, usd, drawn,
  keep }) => {
  const said = html("div", { role: "status", id: "day-said" }), sliders = [];
  const every = html("input", { type: "number", id: "day-every", value: 48, min: 0.01, step: "any", class: "w5",
    oninput: () => solve() });
  const hoursBetween = () => Number(every.value) > 0 ? Number(every.value) : null;
  const rates = () => sliders.map((slider) => Number(slider.value));
  const draw = (values) => {
    const top = Math.max(...values, rate) * 1.5;
    sliders.forEach((slider, h) => { slider.max = top; slider.value = values[h]; });
    solve();
  };
  const shaped = (shape) => {
    const parts = Array.from({ length: 24 }, (_, h) => shape(h)), mean = parts.reduce((a, b) => a + b) / 24;
    return parts.map((part) => part / mean * rate);
  };
  const solve = () => {
    const assumed = hoursBetween(), hours = rates();
    keep(hours, rate);
    const { base, burst } = units((price) => assumed ? price * stretch(assumed) : Infinity);
    const asked = { rates: hours, replicaRate, least, spare, usdRequest: api?.usd ?? Infinity };
    const plan = D.cheapestDay({ ...asked, base, burst });
    if (!plan) {
      said.textContent = Math.max(...hours) / replicaRate > D.MOST_REPLICAS
        ? `The busiest hour takes more than ${D.MOST_REPLICAS} replicas; a day is planned up to so many.`
        : "Nothing with a price can serve it.";
      return;
    }
    const peak = D.cheapestDay({ ...asked, rates: hours.map(() => Math.max(...hours)), base: [...base, ...burst],
      burst: [], usdRequest: Infinity });
    const replicas = (counts, list) => counts.reduce((sum, n, i) => sum + n * list[i].replicas, 0);
    const low = always(plan, burst), standing = replicas(plan.base, base) + replicas(low, burst);
    const told = sentences({ many, short }, plan, base, burst), month = plan.usd * DAYS_A_MONTH;
    said.replaceChildren(html("p", {}, html("strong", {}, `${usd(month)} a month. `), told.join(" "),
      ...(peak && peak.usd > plan.usd * 1.005 ? [` Machines for the busiest hour all day would cost ${usd(peak.usd
        * DAYS_A_MONTH)}.`] : [])), html("figure", { class: "chart" }, chart(plan, hours, replicaRate,
      standing, plan.burst.map((hour) => replicas(hour, burst) - replicas(low, burst)), told.join(" ")),
    html("figcaption", {}, html("span", { class: "key low" }, "all day"), html("span", { class: "key mid" },
      "by the hour"), "line: requests a second")));
  };
  for (let h = 0; h < 24; h++) {
    sliders.push(html("input", { type: "range", min: 0, max: rate * 1.5, step: "any", value: rate, oninput: solve,
      "aria-label": `Requests a second from ${hourText(h)}`, title: hourText(h) }));
  }
  const shapes = html("div", { class: "presets", role: "group", "aria-label": "Shape of the day" },
    ...Object.keys(PEAKS).map((key) => html("button", { type: "button", onclick: () => draw(shaped(PEAKS[key])) },
      NAMES[key])), ...(byHour ? [html("button", { type: "button", onclick: () => draw(byHour.map((r) => r ?? 0)) },
      "From the log")] : []));
  const made = [html("p", { class: "source" }, "Requests a second in each hour, with the rate above as the mean. "
    + "Machines of the chosen GPU are taken for the whole day or by the hour, on demand, spot or for a term"
    + (api ? `; ${api.name} takes what is left where that costs less.` : "."))];
  made.push(shapes, html("div", { class: "sliders" }, ...sliders.map((slider, h) => html("span", {}, slider,
    html("small", { "aria-hidden": "true" }, String(h))))), html("p", {}, html("label", { for: "day-every" },
      "Where no reclaim rate is published, assume one every"), " ", every, " hours."), said);
  queueMicrotask(() => drawn ? draw(drawn.map((share) => share * rate)) : solve());
  return made;
};
