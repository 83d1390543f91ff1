"use strict";
// The page is whole without this; it adds search, and opens what is folded around a link's target.
const all = selector => [...document.querySelectorAll(selector)];
const form = document.getElementById("filter");
const field = name => form.elements[name];
const claims = all("table.ledger tbody tr").map(row => ({
  row, text: row.textContent.toLowerCase(),
  verdict: row.dataset.verdict, section: row.closest("details").dataset.section,
}));

function apply() {
  const words = field("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdict = field("verdict").value, section = field("section").value;
  const active = words.length > 0 || verdict !== "" || section !== "";
  let n = 0;
  for (const c of claims) {
    const found = (!verdict || c.verdict === verdict) && (!section || c.section === section)
      && words.every(w => c.text.includes(w));
    c.row.hidden = !found;
    n += found;
  }
  for (const part of all("details.part")) {
    const some = part.querySelector("tbody tr:not([hidden])") !== null;
    part.hidden = !some;
    const shown = part.querySelectorAll("tbody tr:not([hidden])").length, every = part.dataset.numbers;
    part.querySelector(".n").textContent = shown < every ? `${shown} of ${every}` : every;
    part.open = active && some;
  }
  document.getElementById("found").textContent = `${n} of ${claims.length} numbers are shown.`;
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.hidden) { form.reset(); apply(); }
  for (let e = target; e; e = e.parentElement) if (e.matches("details")) e.open = true;
  target.scrollIntoView();
}

form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", event => event.preventDefault());
for (const link of all("a[data-verdict]")) link.addEventListener("click", () => {
  form.reset();
  field("verdict").value = link.dataset.verdict;
  apply();
});
addEventListener("hashchange", reveal);
const button = document.getElementById("open");
button.hidden = false;
button.addEventListener("click", () => all("details.notebook").forEach(d => { d.open = true; }));
let folded = [];
addEventListener("beforeprint", () => {
  folded = all(":is(.notebook, .long, .part):not([open])");
  folded.forEach(d => { d.open = true; });
});
addEventListener("afterprint", () => folded.forEach(d => { d.open = false; }));
reveal();
