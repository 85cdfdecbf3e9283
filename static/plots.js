// Small drawings of the calculator, as SVG without styles of their own.

const NS = "http://www.w3.org/2000/svg";

export const html = (tag, given = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
};

const svg = (tag, given = {}, ...children) => {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

// A bar of parts that add up, each with its share; as text too.
export const bar = (title, parts, unit) => {
  const shown = parts.filter(([, value]) => value > 0), total = shown.reduce((sum, [, value]) => sum + value, 0) || 1;
  let x = 0;
  const drawn = svg("svg", { viewBox: "0 0 600 28", class: "bars", "aria-hidden": "true",
    preserveAspectRatio: "none" });
  shown.forEach(([, value], i) => {
    const width = 600 * value / total;
    drawn.append(svg("rect", { x, y: 0, width, height: 28, class: `p${i % 7}` }));
    x += width;
  });
  const words = html("ul", { class: "legend" }, ...shown.map(([name, value], i) =>
    html("li", { class: `k${i % 7}` }, `${name} ${unit(value)}`)));
  return html("div", { class: "stack" }, html("h3", {}, title), drawn, words);
};

// The 80% range around a prediction and the target, on an axis that ends at some `times` the target; a range that goes
// on is cut.
export const range = (low, middle, high, target, times = 2) => {
  const at = (v) => Math.min(300 * v / (times * target), 300);
  return svg("svg", { viewBox: "0 0 300 16", class: "range", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("rect", { x: at(low), y: 5, width: Math.max(at(high) - at(low), 2), height: 6, class: "span" }),
    svg("path", { d: `M${at(middle)} 2v12`, class: "here" }), svg("path", { d: `M${at(target)} 0v16`,
      class: "limit" }));
};

// A cost as a bar on an axis that ends at `end`; a dearer one is cut and ends in a gap.
export const cost = (value, end) => {
  const cut = value > end;
  return svg("svg", { viewBox: "0 0 100 16", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("rect", { x: 0, y: 3, width: cut ? 92 : 100 * value / end, height: 10, class: "c" }),
    ...(cut ? [svg("rect", { x: 95, y: 3, width: 5, height: 10, class: "c" })] : []));
};

const steps = (low, high) => {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of high / low < 6 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8] : [1, 2, 5]) {
      const value = digit * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
};

// Points on logarithmic axes; `front` are the indices on the Pareto front, `lines` are [name, points]. It is drawn as
// wide as it will stand, up to 720 px, so that its letters keep their 12 px.
const LABEL = 60;
export const scatter = ({ title, points = [], front = [], lines = [], xLabel, yLabel, xText, yText }) => {
  const all = [...points, ...lines.flatMap(([, values]) => values)].filter(([x, y]) => x > 0 && y > 0);
  if (all.length < 2) return null;
  const span = (values) => [Math.min(...values) / 1.15, Math.max(...values) * 1.15];
  const [x0, x1] = span(all.map(([x]) => x)), [y0, y1] = span(all.map(([, y]) => y));
  const W = Math.max(288, Math.min(720, document.documentElement.clientWidth - 32)), H = 260;
  const L = 64, B = 40, px = (x) => L + (W - L - 12) * Math.log(x / x0) / Math.log(x1 / x0);
  const py = (y) => H - B - (H - B - 12) * Math.log(y / y0) / Math.log(y1 / y0);
  const drawn = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "img" }, svg("title", {}, title));
  for (const y of steps(y0, y1)) {
    drawn.append(svg("line", { class: "grid", x1: L, x2: W - 12, y1: py(y), y2: py(y) }),
      svg("text", { x: L - 6, y: py(y) + 4, "text-anchor": "end" }, yText(y)));
  }
  let last = -LABEL;
  for (const x of steps(x0, x1)) {
    if (px(x) - last < LABEL || px(x) > W - LABEL / 2) continue;
    last = px(x);
    drawn.append(svg("text", { x: last, y: H - B + 16, "text-anchor": "middle" }, xText(x)));
  }
  drawn.append(svg("text", { x: (L + W) / 2, y: H - 4, "text-anchor": "middle" }, xLabel),
    svg("text", { x: L, y: 10 }, yLabel));
  const path = (values) => values.map(([x, y],
    i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("");
  if (front.length > 1) drawn.append(svg("path", { class: "line low", d: path(front.map((i) => points[i])) }));
  lines.forEach(([, values], i) => drawn.append(svg("path", { class: `line ${["low", "mid", "spot"][i % 3]}`,
    d: path(values) })));
  points.forEach(([x, y, name], i) => drawn.append(svg("circle",
    { cx: px(x), cy: py(y), r: front.includes(i) ? 5 : 3.5, class: front.includes(i) ? "dot best" : "dot" },
    svg("title", {}, name))));
  return drawn;
};

// Cheaper and faster than all others: indices of [cost, speed], the cheapest first.
export const pareto = (points) => {
  const order = points.map((_, i) => i).sort((a, b) => points[a][0] - points[b][0] || points[b][1] - points[a][1]);
  let best = -Infinity;
  return order.filter((i) => points[i][1] > best && ((best = points[i][1]), true));
};
