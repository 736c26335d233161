// The chat page: answers as they are made, the stored sentence behind a citation.

import { element, events, say, send } from "./base.js";

const by = (id) => document.getElementById(id);
const chat = by("chat"), log = by("log"), form = by("ask"), field = by("question");
const stopping = by("stop"), asking = by("send");
let underWay = null; // the AbortController of the answer that is being made

/* ------------------------------------------------------------------ pieces of an answer */

function citation(one) {
  return element("a", {
    class: "cite", href: `/papers/${encodeURIComponent(one.paper_id)}`,
    "data-paper": one.paper_id, "data-quote": one.quote,
    "aria-label": `[${one.number}], its stored sentence`,
  }, `[${one.number}]`);
}

function sentence(shown) {
  const made = element("p", { class: "sentence" }, element("bdi", {}, shown.text), " ");
  for (const one of shown.citations) made.append(citation(one), " ");
  made.append(element("span", { class: `origin ${shown.origin}` }, shown.label));
  return made;
}

function add(place, shown, group) {
  if (shown.group && shown.group !== group) {
    place.append(element("p", { class: "group" }, element("bdi", {}, shown.group)));
  }
  place.append(sentence(shown));
  return shown.group;
}

function sources(shown) {
  if (!shown.sources.length) return null;
  const list = element("ol");
  for (const one of shown.sources) {
    list.append(element("li", { value: one.number },
      element("a", { href: `/papers/${encodeURIComponent(one.paper_id)}` },
        element("bdi", {}, one.title)),
      one.url && /^https?:\/\//i.test(one.url) ? " " : null,
      one.url && /^https?:\/\//i.test(one.url) ? element("a", {
        class: "outside small", href: one.url, rel: "noopener noreferrer", target: "_blank",
        "aria-label": `Source ${one.number} at its publisher, in a new tab`,
      }, "original ↗") : null));
  }
  return element("div", { class: "sources" },
    element("h3", {}, shown.abstained ? "Nearest papers" : "Sources"), list);
}

const ordinal = (n) => {
  const end = n % 100 > 10 && n % 100 < 14 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th";
  return `${n}${end}`;
};
const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/* -------------------------------------------------------------------------- a question */

/** What the form says of the papers that count. */
function filters() {
  const data = new FormData(form), only = {};
  if (data.get("since")?.trim()) only.since = data.get("since").trim();
  if (data.get("tag")?.trim()) only.tags = [data.get("tag").trim()];
  if (data.get("liked")) only.liked = true;
  if (data.get("paper")) only.paper_ids = [data.get("paper")];
  return only;
}

function showChosen() {
  const { since, tags, liked } = filters();
  const parts = [since && `since ${since}`, tags && `tag ${tags[0]}`, liked && "liked"];
  const text = parts.filter(Boolean).join(", ");
  by("chosen").textContent = text;
  by("chosen").hidden = !text;
}

/** An exchange on the page, to be filled. */
function begin(question) {
  by("nothing")?.remove();
  log.querySelectorAll(".retry").forEach((old) => old.remove());
  log.querySelector("#last")?.removeAttribute("id");
  const status = element("p", { class: "status pulse" }, "asking…");
  const sentences = element("div", { class: "sentences", "aria-live": "polite" });
  const answer = element("div", { class: "answer" }, sentences);
  const after = element("div", { class: "row after small" });
  const exchange = element("article", { class: "exchange", id: "last" },
    element("h2", { class: "question" }, element("bdi", {}, question)), answer, status, after);
  log.append(exchange);
  return { exchange, status, sentences, answer, after, question };
}

/** The answer's buttons; `kept`: the question is in the conversation already. */
function finish(shownOn, copied, kept) {
  const { after, exchange, only } = shownOn;
  const question = exchange.dataset.asked ?? shownOn.question;
  if (copied) {
    after.append(element("button", { type: "button", class: "quiet copy", "data-copy": copied }, "Copy"));
  }
  after.append(element("button", {
    type: "button", class: "quiet retry",
    onclick: () => again(exchange, question, only, kept),
  }, "Ask again"));
}

/** The conversation is written down now, and has its address. */
function adopt(event) {
  if (!by("tools").hidden) return;
  by("tools").hidden = false;
  const joined = event.address.includes("?") ? "&" : "?";
  history.replaceState(null, "", event.address);
  by("chat-title").replaceChildren(element("bdi", {}, event.thread));
  by("export").href = `${event.address}${joined}format=md`;
  if (by("all-papers")) by("all-papers").href = `${event.address}${joined}paper=`;
  for (const one of [form, by("delete").querySelector("form")]) one.action = event.address;
  by("no-threads")?.remove();
  document.querySelector(".side [aria-current]")?.removeAttribute("aria-current");
  for (const old of document.querySelectorAll("#threads a")) {
    if (old.getAttribute("href") === event.address) old.parentElement.remove();
  }
  by("threads").querySelector("ul").prepend(element("li", {},
    element("a", { href: event.address, "aria-current": "page" },
      element("bdi", {}, event.thread), " ", element("span", { class: "faint small" }, "1"))));
}

/** Asks, and shows what comes. What was shown stays, also when it is stopped or breaks off. */
async function ask(question, only = filters(), instead = false) {
  const on = { ...begin(question), only };
  const { status, sentences, answer, exchange } = on;
  const controller = underWay = new AbortController();
  const thread = chat.dataset.thread || null;
  let shown = [], group = "", done = null, begun = null, followed = true;
  busy(true);
  const tell = (text) => { status.textContent = text; };
  const follow = () => {
    const form_top = form.getBoundingClientRect().top, end = exchange.getBoundingClientRect().bottom;
    if (followed && end > form_top) window.scrollBy({ top: end - form_top + 16 });
  };
  const scrolled = () => {
    const left = document.documentElement.scrollHeight - innerHeight - scrollY;
    followed = left < 160;
  };
  addEventListener("scroll", scrolled, { passive: true });
  exchange.scrollIntoView({ block: "nearest" });
  try {
    const body = { question, thread, new: !thread, again: instead, filters: only };
    for await (const event of events("/api/ask", body, controller.signal)) {
      if (event.event === "thread") {
        begun = event;
        chat.dataset.thread = event.thread;
      }
      else if (event.event === "queued") {
        tell(event.position === 1 ? "You are next in line." : `You are ${ordinal(event.position)} in line.`);
        say(status.textContent);
      } else if (event.event === "started") tell("searching…");
      else if (event.event === "retrieved") tell(`reading ${counted(event.paper_ids.length, "paper")}…`);
      else if (event.event === "writing") tell("writing…");
      else if (event.event === "sentence") {
        group = add(sentences, event.shown, group);
        shown.push(event.sentence);
      } else if (event.event === "answer") done = event;
      else if (event.event === "error") throw new Error([event.error, event.remedy].filter(Boolean).join(" "));
      follow();
    }
    if (!done) throw new Error("The answer broke off. Ask again.");
    if (begun) adopt(begun);
    settle(on, done, shown);
  } catch (error) {
    const stopped = error.name === "AbortError";
    const cut = shown.length ? " Sentences above it were checked, and stay." : "";
    const text = stopped ? (shown.length ? "Stopped here. What is above was checked; more might have followed." : "Stopped before anything was written.")
      : error instanceof TypeError ? `The server does not answer.${cut}` : `${error.message}${cut}`;
    status.remove();
    answer.append(element("p", { class: stopped ? "stopped" : "note", role: stopped ? null : "alert" }, text));
    if (stopped) say("Stopped.");
    if (!begun) field.value ||= question; // it was not even taken
    finish(on, "", instead);
  } finally {
    removeEventListener("scroll", scrolled);
    if (underWay === controller) { underWay = null; busy(false); }
    follow();
  }
}

/** The whole answer: what no event told of, its sources, its buttons. */
function settle(on, event, streamed) {
  const { status, sentences, answer } = on;
  const shown = event.shown;
  const whole = event.answer.sentences;
  const same = streamed.every((one, n) => JSON.stringify(one) === JSON.stringify(whole[n]));
  if (!same) sentences.replaceChildren(); // the answer is what counts
  let group = same && streamed.length ? shown.sentences[streamed.length - 1].group : "";
  for (const one of shown.sentences.slice(same ? streamed.length : 0)) group = add(sentences, one, group);
  if (!shown.sentences.length) {
    sentences.append(element("p", { class: shown.abstained ? "abstained" : "sentence" }, shown.text,
      shown.reason ? element("span", { class: "faint" }, ` (${shown.reason})`) : null));
  }
  const cited = sources(shown);
  if (cited) answer.append(cited);
  status.remove();
  on.exchange.dataset.asked = event.answer.question;
  const number = document.querySelector("#threads [aria-current] span");
  if (number) number.textContent = String(log.querySelectorAll(".exchange[data-asked]").length);
  finish(on, shown.copy, true);
}

/** The same question once more, in place of its last answer. */
async function again(exchange, question, only, kept) {
  if (underWay) return;
  exchange.remove();
  await ask(question, only, kept); // the stored answer stays until there is a new one
}

function busy(is) {
  stopping.hidden = !is;
  asking.hidden = is;
  if (!is && document.activeElement === document.body) field.focus();
}

/* --------------------------------------------------------------------------- the form */

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (!question || underWay) return;
  field.value = "";
  ask(question);
});
field.addEventListener("keydown", (event) => {
  // Enter also ends what an input method composes; that is no question yet.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
form.addEventListener("change", showChosen);
stopping.addEventListener("click", () => { underWay?.abort(); field.focus(); });
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && underWay && !by("passage").open) underWay.abort();
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest(".copy"), cite = event.target.closest(".cite");
  if (copy) {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      say("Copied.");
    } catch { say("The browser does not let this page copy.", true); }
  } else if (cite && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(cite);
  }
});
log.addEventListener("submit", (event) => {
  if (!event.target.matches(".retry")) return;
  event.preventDefault();
  const exchange = event.target.closest(".exchange");
  const where = exchange.dataset.where;
  again(exchange, exchange.dataset.asked, where ? { where } : {}, true);
});

/* --------------------------------------------------------- the sentence in its abstract */

const panel = by("passage");
let opened = 0;

async function open(cite) {
  const number = ++opened;
  const query = new URLSearchParams({ paper_id: cite.dataset.paper, quote: cite.dataset.quote });
  let found;
  try {
    found = await send(`/api/passage?${query}`, null, { method: "GET" });
  } catch { return; } // it was told
  if (number !== opened) return;
  by("passage-title").replaceChildren(element("bdi", {}, found.title));
  by("passage-body").replaceChildren(
    element("p", { class: "stored", dir: "auto" }, found.before, element("mark", {}, found.quote), found.after),
    element("p", { class: "row" },
      element("a", { class: "button", href: found.address }, "The paper"),
      found.url && /^https?:\/\//i.test(found.url) ? element("a", {
        class: "button quiet", href: found.url, rel: "noopener noreferrer", target: "_blank",
      }, "original ↗") : null));
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
  panel.querySelector("mark").scrollIntoView({ block: "nearest" });
}
by("passage-close").addEventListener("click", () => panel.close());
panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

/* --------------------------------------------------------------------------- the start */

document.querySelectorAll(".copy").forEach((button) => { button.hidden = false; });
by("keys").hidden = false;
if (matchMedia("(max-width: 52rem)").matches) by("threads").open = false;
showChosen();
if (field.value) field.setSelectionRange(field.value.length, field.value.length);
if (!location.hash && log.lastElementChild) log.lastElementChild.scrollIntoView({ block: "start" });
