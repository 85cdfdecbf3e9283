// Scenarios in this browser's storage, with a version and a migration; sharing by what follows # in an address.

const KEY = "scenarios", VERSION = 4, MOST = 100;

// Each entry brings what an older version kept to the next one.
const migrations = {
  1: (items) => items.map(({ title, ...rest }) => ({ ...rest, name: rest.name ?? title ?? "unnamed" })),
  // The limit of the first token was in seconds
  2: (items) => items.map((item) => ({ ...item, input: inMilliseconds(item.input) })),
  // A reclaim of spot was taken to cost a quarter of an hour
  3: (items) => items.map((item) => (item?.input
    ? { ...item, input: { reload: "15", lost: "0", ...item.input } } : item)),
};
const inMilliseconds = (input) => {
  const seconds = String(input?.ttft ?? "").trim();
  return seconds && Number.isFinite(Number(seconds)) ? { ...input, ttft: String(+(seconds * 1e3).toPrecision(12)) }
    : input;
};

const LONGEST_ID = 40, LONGEST_VALUE = 200, MOST_VALUES = 200;
const KINDS = ["string", "number", "boolean"];

// What fields hold: texts, numbers and ticks. Whatever else a file, a link or the storage says is left out.
const short = (value) => typeof value === "string" ? value.slice(0, LONGEST_VALUE) : value;
const plain = (input) => Object.fromEntries(Object.entries(input).filter(([, value]) => KINDS.includes(typeof value))
  .slice(0, MOST_VALUES).map(([key, value]) => [key, short(value)]));
const isObject = (value) => value && typeof value === "object";
const isScenario = (item) => typeof item.name === "string" && isObject(item.input);

export const understood = (kept) => {
  if (!kept || typeof kept !== "object" || !Array.isArray(kept.items)) return null;
  let { version, items } = kept;
  if (!Number.isInteger(version) || version < 1 || version > VERSION) return null;
  items = items.filter((item) => isObject(item) && isObject(item.input)).map((item) =>
    ({ ...item, input: plain(item.input) }));
  for (; version < VERSION; version++) items = migrations[version](items);
  return items.filter(isScenario).slice(0, MOST).map(({ id, name, input }) =>
    ({ id: (typeof id === "string" ? id : name).slice(0, LONGEST_ID), name: name.slice(0, 80), input }));
};

export const load = () => {
  let text = null;
  try { text = localStorage.getItem(KEY); } catch {
    return { items: [], fault: "This browser blocks storage; use Export to keep scenarios as a file." };
  }
  try { return { items: text ? understood(JSON.parse(text)) ?? [] : [], fault: "" }; } catch {
    return { items: [], fault: "The scenarios that this browser kept can't be read any more." };
  }
};

export const store = (items) => {
  if (items.length > MOST) return `At most ${MOST} scenarios are kept; delete one first.`;
  try {
    localStorage.setItem(KEY, JSON.stringify({ version: VERSION, items }));
    return "";
  } catch (error) {
    return error.name === "QuotaExceededError"
      ? "This browser's storage is full; delete a scenario or export them to a file."
      : "This browser blocks storage; use Export to keep scenarios as a file.";
  }
};

export const clear = () => {
  try {
    localStorage.clear();
    sessionStorage.clear();
    return "Everything this site stored in this browser is gone: scenarios and the theme.";
  } catch {
    return "This browser blocks storage, so nothing was stored.";
  }
};

export const asFile = (items) => new Blob([JSON.stringify({ version: VERSION, items }, null, 1)],
  { type: "application/json" });

export const asFragment = (input) => {
  const bytes = new TextEncoder().encode(JSON.stringify({ version: VERSION, input }));
  return `#s=${btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
};

export const fromFragment = (text) => {
  try {
    const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const kept = JSON.parse(new TextDecoder().decode(Uint8Array.from(raw, (c) => c.charCodeAt(0))));
    return understood({ version: kept.version, items: [{ name: "", input: kept.input }] })?.[0]?.input ?? null;
  } catch {
    return null;
  }
};
