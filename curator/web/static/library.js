// The library: found as you type, gone through with keys.

import { send, say, typing } from "/static/base.js";
import { hitElement, paperKey } from "/static/papers.js";

const form = document.getElementById("search");
const field = document.getElementById("q");
const results = document.getElementById("results");
const count = document.getElementById("count");
const more = document.getElementById("more");
const nothing = document.getElementById("nothing");
const keys = document.getElementById("keys");
const help = document.getElementById("help");
const WAIT = 120;  // milliseconds after the last key

let running = null;
let timer = 0;
let asked = field.defaultValue.trim();  // what the page was made for

if (matchMedia("(max-width: 52rem)").matches) document.getElementById("facets").open = false;
help.hidden = false;
help.addEventListener("click", () => keys.showModal());

/** What the address says, with the words of the field. */
function parameters(page) {
  const now = new URLSearchParams(location.search);
  now.delete("q");
  now.delete("page");
  const words = field.value.trim();
  const all = new URLSearchParams();
  if (words) all.set("q", words);
  for (const [name, value] of now) all.append(name, value);
  if (page > 1) all.set("page", page);
  return all;
}

function address(path, all) {
  return all.size ? `${path}?${all}` : path;
}

async function load(page) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const words = field.value.trim();
  results.setAttribute("aria-busy", "true");
  try {
    const found = await send(address("/api/search", parameters(page)), null,
      { method: "GET", signal: mine.signal });
    if (running === mine) show(found, page, words);
  } catch (error) {
    if (error.name !== "AbortError" && running === mine) count.textContent = error.message;
  } finally {
    if (running === mine) {
      running = null;
      results.removeAttribute("aria-busy");
    }
  }
}

function show(found, page, words) {
  const made = found.hits.map((hit) => hitElement(hit, words !== ""));
  if (page === 1) results.replaceChildren(...made);
  else results.append(...made);
  results.dataset.page = page;
  asked = words;
  nothing.hidden = results.children.length > 0;
  more.hidden = !found.more;
  more.href = address("/library", parameters(page + 1));
  document.getElementById("previous")?.remove();
  const number = results.children.length;
  if (found.total !== null) {
    const filtered = [...parameters(1)].some(([name]) => !["q", "sort"].includes(name));
    count.textContent = `${found.total.toLocaleString("en")} ${found.total === 1 ? "paper" : "papers"}`
      + `${filtered ? " with these filters" : ""}${found.total > 1 ? ", newest first" : ""}`;
  } else {
    count.textContent = number ? `The best ${number} matches` : "Nothing found";
  }
  if (page === 1) {
    history.replaceState(null, "", address("/library", parameters(1)));
    for (const link of document.querySelectorAll("a[data-keeps-q]")) {
      const to = new URL(link.href);
      if (words) to.searchParams.set("q", words);
      else to.searchParams.delete("q");
      to.searchParams.delete("page");
      link.href = to.pathname + to.search;
    }
  } else {
    made[0]?.querySelector(".open").focus();
  }
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => { if (field.value.trim() !== asked || running) load(1); }, WAIT);
});

form.addEventListener("submit", (event) => {
  // Enter in the search field, with nothing else changed, is the search that was done already.
  const changed = [...form.elements].some((one) => one !== field && one.type === "text"
    && one.value !== one.defaultValue);
  if (document.activeElement !== field || changed) return;
  event.preventDefault();
  clearTimeout(timer);
  load(1);
});

for (const control of form.querySelectorAll('select, input[type="checkbox"]')) {
  control.addEventListener("change", () => form.requestSubmit());
}

// Fields that were left empty need not stand in the address.
form.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) {
    if (value === "" || (name === "sort" && value === "relevance")) event.formData.delete(name);
  }
});

more.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  load(Number(results.dataset.page) + 1);
});

// --------------------------------------------------------------------------- keys

function current() {
  return document.activeElement?.closest?.("#results .hit") ?? results.querySelector(".hit.current");
}

function move(step) {
  const all = [...results.querySelectorAll(".hit")];
  const at = all.indexOf(current());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
  if (!next) {
    say(step > 0 ? "That was the last paper." : "That was the first paper.");
    return;
  }
  next.querySelector(".open").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

results.addEventListener("focusin", (event) => {
  results.querySelector(".hit.current")?.classList.remove("current");
  event.target.closest(".hit")?.classList.add("current");
});

document.addEventListener("keydown", (event) => {
  if (keys.open) return;
  if (event.key === "Escape" && event.target === field) {
    event.preventDefault();  // which would empty the field
    move(1);
    return;
  }
  if (typing(event)) return;
  const paper = current();
  if (event.key === "/") field.focus();
  else if (event.key === "?") keys.showModal();
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o" && paper) paper.querySelector(".open").click();
  else if (!(paper && paperKey(paper, event.key))) return;
  event.preventDefault();
});

// What was typed before this script was there counts, too.
if (field.value.trim() !== asked) load(1);
