// A tick on any page puts a GPU into one comparison of up to six; what is chosen stays in this browser.
{
  const MOST = 6, form = document.getElementById("cmp"), said = document.getElementById("cmp-said");
  const none = document.getElementById("cmp-none"), about = said.textContent;
  const boxes = () => [...form.elements].filter((field) => field.name === "gpu");
  const nameOf = (box) => (box.getAttribute("aria-label") ?? box.parentElement.textContent).replace("Compare ", "");
  const read = () => {
    try {
      return new Map(JSON.parse(localStorage.getItem("compare")) ?? []);
    } catch {
      return new Map();
    }
  };
  // The page of a comparison shows what its address says, and that is the choice from then on.
  const begin = () => {
    const given = boxes().filter((box) => box.defaultChecked);
    return given.length ? new Map(given.map((box) => [box.value, nameOf(box)])) : read();
  };
  let chosen = begin();
  const keep = () => {
    try {
      if (chosen.size) localStorage.setItem("compare", JSON.stringify([...chosen]));
      else localStorage.removeItem("compare");
    } catch {
      // Storage may be forbidden; the choice then holds for this page.
    }
  };
  const show = (words) => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    form.toggleAttribute("data-open", chosen.size > 0);
    none.hidden = !chosen.size;
    said.textContent = words ?? (chosen.size ? `${chosen.size} of ${MOST}: ${[...chosen.values()].join(", ")}` : about);
  };
  document.addEventListener("change", ({ target }) => {
    if (target.form !== form || target.name !== "gpu") return;
    const name = nameOf(target);
    if (!target.checked) chosen.delete(target.value);
    else if (chosen.size < MOST) chosen.set(target.value, name);
    else return show(`You can compare up to six GPUs. Remove one to add ${name}.`);
    keep();
    show();
  });
  none.addEventListener("click", () => {
    chosen = new Map();
    keep();
    show();
  });
  // The chosen ones alone make the address, each once and in order, whatever rows show them.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(`/compare?${[...chosen.keys()].sort().map((slug) => `gpu=${slug}`).join("&")}`);
  });
  document.addEventListener("htmx:after:swap", () => show());
  addEventListener("pageshow", () => {
    chosen = begin();
    show();
  });
  keep();
  show();
}
