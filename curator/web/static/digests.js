// The digest on the page: its forms without leaving it, keys, and the job that makes one.

import { say, send, typing } from "/static/base.js";
import { swap } from "/static/swap.js";

const desk = () => document.getElementById("desk");
const papers = () => [...desk().querySelectorAll("article.paper")];

/** The paper that keys are for: where the focus is, else the one in sight. */
function current() {
  const focused = document.activeElement?.closest?.("article.paper");
  return focused ?? papers().find((one) => one.getBoundingClientRect().bottom > 100) ?? null;
}

function show(paper) {
  if (!paper) return;
  paper.focus({ preventScroll: true });
  paper.scrollIntoView({ block: "nearest" });
}

async function change(button) {
  const { form } = button;
  const said = button.dataset.say;
  const paper = form.elements.paper.value;
  const all = papers().map((one) => one.id);
  const at = all.indexOf(paper);
  const followed = all[at + 1] ?? all[at - 1];
  const top = scrollY;
  const now = await swap("desk", form, button);
  if (!now) return;
  const told = now.querySelector("#told");
  scrollTo({ top });
  const gone = at >= 0 && !document.getElementById(paper);
  show(document.getElementById(gone ? followed : paper));
  say(told ? told.textContent : said, Boolean(told));
  told?.scrollIntoView({ block: "center" });
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!event.target.classList.contains("edits") || !button) return;
  event.preventDefault();
  change(button);
});

function open(paper, what) {
  const writing = paper.querySelector(`[data-writing="${what}"]`);
  writing.open = true;
  writing.querySelector("textarea").focus();
}

document.addEventListener("keydown", (event) => {
  if (!desk()) return;
  if (event.key === "Escape" && event.target.closest?.("details.writing, .edits")) {
    event.target.closest("details.writing")?.removeAttribute("open");
    show(event.target.closest("article.paper"));
    return;
  }
  if (typing(event)) return;
  const all = papers();
  const paper = current();
  if (event.key === "j" || event.key === "k") {
    const at = all.indexOf(document.activeElement?.closest?.("article.paper"));
    if (at < 0) show(paper);
    else show(all[at + (event.key === "j" ? 1 : -1)]);
    return;
  }
  if (!paper || event.repeat) return;
  const press = (...names) => {
    const button = names.map((name) => paper.querySelector(`button[name=do][value=${name}]`)).find(Boolean);
    if (button && !button.disabled) change(button);
  };
  if (event.key === "p") press("pin", "unpin");
  else if (event.key === "d") press("drop");
  else if (event.key === "+") press("up");
  else if (event.key === "-") press("down");
  else if (event.key === "e") open(paper, "rewrite");
  else if (event.key === "n") open(paper, "note");
  else if (event.key === "m") paper.querySelector("select[name=section]").focus();
  else return;
  event.preventDefault();
});

/** Follows the job that makes a digest, until it ends. */
async function follow(place) {
  const state = document.getElementById("job-state");
  while (["waiting", "running"].includes(place.dataset.state)) {
    await new Promise((done) => { setTimeout(done, 1500); });
    let job;
    try {
      job = await send(`/api/jobs/${place.dataset.job}`, null, { method: "GET" });
    } catch {
      return;
    }
    place.dataset.state = job.state;
    const steps = job.doing ? `, ${job.doing} ${job.done}${job.of ? ` of ${job.of}` : ""}` : "";
    state.textContent = `${job.state}${steps}${job.error ? `. ${job.error}` : ""}`;
    if (job.state === "done" && job.result?.name) {
      const address = `/digests/${encodeURIComponent(job.result.reader ?? "me")}/${encodeURIComponent(job.result.name)}`;
      location.assign(address);
      return;
    }
  }
}

const job = document.getElementById("job");
if (job) follow(job);
