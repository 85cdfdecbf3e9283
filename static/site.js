// Small helps: the theme switch, "5 months ago", and what htmx needs to be told.
(() => {
  const root = document.documentElement;

  const select = document.getElementById("theme");
  select.value = root.dataset.theme ?? "";
  select.addEventListener("change", () => {
    if (select.value) root.dataset.theme = select.value;
    else delete root.dataset.theme;
    try {
      if (select.value) localStorage.setItem("theme", select.value);
      else localStorage.removeItem("theme");
    } catch {
      // Storage may be forbidden; the choice then holds for this page.
    }
  });

  const steps = [["year", 31536000], ["month", 2628000], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const ago = (then) => {
    const seconds = (then - Date.now()) / 1000;
    const [unit, size] = steps.find(([, s]) => Math.abs(seconds) >= s) ?? ["second", 1];
    return words.format(Math.trunc(seconds / size), unit);
  };
  const tell = (within) => {
    for (const time of within.querySelectorAll("time:not([title])")) {
      const then = Date.parse(time.dateTime);
      if (!Number.isNaN(then)) time.title = ago(then);
    }
  };
  tell(document);

  // The address is ours to know, not to send: htmx would put it, with what follows #, into a header.
  document.addEventListener("htmx:config:request", (event) => {
    delete event.detail.ctx.request.headers["HX-Current-URL"];
  });

  // A notice of a changing policy may be folded to its first line; it is remembered here only, and never goes before
  // its day.
  for (const notice of document.querySelectorAll("[data-notice]")) {
    const key = `folded:${notice.dataset.notice}`, details = notice.querySelector("details");
    try {
      if (localStorage.getItem(key)) details.open = false;
      details.addEventListener("toggle", () => (details.open ? localStorage.removeItem(key)
        : localStorage.setItem(key, "1")));
    } catch {
      // Storage may be forbidden; the fold then holds for this page.
    }
  }

  // What lies over the page goes by Escape, and remarks by a click elsewhere too; the focus returns to what opened it.
  const remarks = () => document.querySelectorAll("td.f details[open]");
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    for (const details of remarks()) {
      details.open = false;
      details.firstElementChild.focus();
    }
    const sheet = document.getElementById("show-filters");
    if (!sheet?.checked) return;
    sheet.checked = false;
    sheet.focus();
  });
  document.addEventListener("click", ({ target }) => {
    for (const details of remarks()) if (!details.contains(target)) details.open = false;
  });

  const board = () => document.getElementById("board");
  const trouble = document.getElementById("trouble");
  if (!trouble) return;
  let last = null;

  document.addEventListener("htmx:config:request", (event) => {
    trouble.hidden = true;
    last = event.detail.ctx.sourceElement;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.response?.status >= 500) return;
    // A morph keeps what was typed and ticked; the answer's own values hold: words that became filters are gone.
    for (const field of board()?.querySelectorAll("input, select") ?? []) {
      if ("keep" in field.dataset) continue;
      if (field.type === "checkbox") field.checked = field.defaultChecked;
      else if (field.tagName === "SELECT") for (const o of field.options) o.selected = o.defaultSelected;
      else field.value = field.defaultValue;
    }
    if (board()) tell(board());
  });
  // The filters lie over the page on a phone; the button that counts what they leave closes them.
  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("#filters .done")) document.getElementById("show-filters").checked = false;
  });
  const fail = () => {
    trouble.hidden = false;
  };
  document.addEventListener("htmx:error", fail);
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx.response.status >= 500) fail();
  });
  document.getElementById("again").addEventListener("click", () => {
    trouble.hidden = true;
    if (last?.isConnected && last.tagName === "A") last.click();
    else document.getElementById("filters")?.requestSubmit();
  });
})();
