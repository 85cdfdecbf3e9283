// Rent against buy, in this browser alone: nothing that is typed is sent or kept.
const form = document.getElementById("rent-or-buy"), told = document.getElementById("rent-or-buy-told");
const number = (name) => {
  const field = form.elements[name], value = Number(field.value);
  field.setCustomValidity(Number.isFinite(value) && value >= Number(field.min)
    && value <= Number(field.max) ? "" : `from ${field.min} to ${Number(field.max).toLocaleString("en")}`);
  return value;
};
const sum = (dollars) => `$${Math.round(dollars).toLocaleString("en")}`;

// The month in which rent has cost more than buying and running, and what the whole life costs either way
export function rentOrBuy({ rent, price, watts, perKwh, overhead, colocation, years, resale }) {
  const running = watts / 1000 * 730 * overhead * perKwh + colocation, months = years * 12;
  const month = rent > running ? Math.ceil(price / (rent - running)) : Infinity;
  return { running, months, month: month <= months ? month : null, rented: rent * months,
    bought: price * (1 - resale / 100) + running * months };
}

const show = () => {
  const names = ["rent", "price", "watts", "perKwh", "overhead", "colocation", "years", "resale"];
  const given = Object.fromEntries(names.map((name) => [name, number(name)]));
  if (!form.checkValidity()) {
    const wrong = [...form.elements].find((field) => field.validationMessage);
    told.textContent = `${wrong.labels[0].firstChild.textContent.trim()}: ${wrong.validationMessage}.`;
    return;
  }
  if (!given.price) {
    told.textContent = "Enter the purchase price.";
    return;
  }
  const found = rentOrBuy(given);
  const when = found.month ? `Buying has cost less from month ${found.month} on`
    : `Within ${given.years} years buying does not pay back its price`;
  const less = found.bought < found.rented ? "less" : "more";
  told.textContent = `${when}. Running it costs ${sum(found.running)} a month. Over ${found.months} months buying, `
    + `with the resale, costs ${sum(found.bought)} and renting ${sum(found.rented)}: ${sum(Math.abs(found.bought
      - found.rented))} ${less}.`;
};
form.addEventListener("input", show);
show();
