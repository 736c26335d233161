// Status, live: jobs with their progress, counts, and forms that need no new page.

import { element, say, send } from "./base.js";

const list = document.getElementById("joblist");
const RUNNING = new Set(["waiting", "running"]);
const RECENT = 3; // ended jobs that stand open
let timer = 0;
let before = new Map(); // the states that were shown last, by job
let opened = false;

const number = (count) => Number(count).toLocaleString("en");

function result(job) {
  const parts = Object.entries(job.result)
    .filter(([, value]) => typeof value === "number" || typeof value === "string")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? number(value) : value}`);
  return parts.join(" · ");
}

function reasons(job) {
  return (job.result.reasons ?? []).slice(0, 5).map((row) =>
    element("p", { class: "small wrap" }, [row.where, row.reason].filter(Boolean).join(": ")));
}

function card(job) {
  const live = RUNNING.has(job.state);
  const stop = live ? element("button", {
    type: "button", class: "danger", "aria-label": `Stop: ${job.title}`, "data-stop": job.id,
    onclick: async () => { await send(`/api/jobs/${job.id}/stop`).catch(() => {}); look(); },
  }, "Stop") : null;
  const steps = job.done || job.of
    ? `${job.doing} ${number(job.done)}${job.of ? ` of ${number(job.of)}` : ""}` : job.doing;
  const bar = element("progress", { "aria-label": job.title });
  if (job.of) { bar.max = job.of; bar.value = job.done; }
  return element("article", { class: `card job ${job.state}` },
    element("div", { class: "row" },
      element("h3", { class: "grow wrap" }, job.title),
      element("span", { class: "chip" }, job.state), stop),
    job.state === "running" ? bar : null,
    job.state !== "done" && steps ? element("p", { class: "faint small" }, steps) : null,
    job.state === "done" && result(job) ? element("p", { class: "faint small" }, result(job)) : null,
    job.error ? element("p", { class: "error wrap" }, job.error) : null,
    ...reasons(job),
    ...job.notes.slice(-5).map((note) => element("p", { class: "small wrap" }, note)));
}

function show(status) {
  for (const place of document.querySelectorAll("[data-count]")) {
    const value = place.dataset.count.split(".").reduce((at, name) => at?.[name], status);
    if (value !== undefined) place.textContent = number(value);
  }
  const queue = `${status.queue.serving} being answered, ${status.queue.waiting} waiting for the model`;
  const said = document.getElementById("queue");
  if (said.textContent !== queue) said.textContent = queue;
  for (const job of status.jobs) {
    const was = before.get(job.id);
    if (was && was !== job.state && !RUNNING.has(job.state)) {
      say(`${job.title}: ${job.state}`, job.state === "failed");
    }
  }
  before = new Map(status.jobs.map((job) => [job.id, job.state]));
  const live = status.jobs.filter((job) => RUNNING.has(job.state)).reverse();
  const ended = status.jobs.filter((job) => !RUNNING.has(job.state));
  const focused = document.activeElement?.dataset?.stop;
  const made = [...live, ...ended.slice(0, RECENT)].map(card);
  if (!made.length) made.push(element("p", { class: "faint" }, "Nothing is under way."));
  if (ended.length > RECENT) {
    const more = element("details", { open: opened },
      element("summary", {}, `${ended.length - RECENT} earlier`), ...ended.slice(RECENT).map(card));
    more.addEventListener("toggle", () => { opened = more.open; });
    made.push(more);
  }
  list.replaceChildren(...made);
  if (focused) list.querySelector(`[data-stop="${focused}"]`)?.focus();
}

async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  let wait = 15000;
  try {
    const status = await send("/api/status", null, { method: "GET" });
    show(status);
    if (status.busy) wait = 2000;
  } catch { /* said already; it is asked again */ }
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

async function start(wanted, form) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const job = await send("/api/jobs", wanted);
    say(`${job.title}: ${job.state}`);
    if (form.id) form.reset();
  } catch { /* said already */ }
  for (const button of buttons) button.disabled = false;
  look();
}

for (const form of document.querySelectorAll("form[data-job]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start({ kind: form.dataset.job }, form);
  });
}
document.getElementById("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const sources = event.target.sources.value.split("\n").map((line) => line.trim()).filter(Boolean);
  start({ kind: "add", sources }, event.target);
});
document.getElementById("paste").addEventListener("submit", (event) => {
  event.preventDefault();
  start({ kind: "records", text: event.target.text.value }, event.target);
});
document.getElementById("upload").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const csrf = document.querySelector('meta[name="csrf"]').content;
  try {
    const reply = await fetch("/api/upload", {
      method: "POST", body: new FormData(form),
      headers: { Accept: "application/json", "X-CSRF-Token": csrf },
    });
    const data = await reply.json().catch(() => ({}));
    if (!reply.ok) throw new Error([data.error ?? `Error ${reply.status}`, data.remedy].filter(Boolean).join(" "));
    say(`${data.title}: ${data.state}`);
    form.reset();
  } catch (error) {
    say(error.message, true);
  }
  look();
});
document.addEventListener("visibilitychange", look);
look();
