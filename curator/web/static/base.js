// What every page does: dark or light, changes sent with the page's token, words said aloud.

const root = document.documentElement;
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Tells the reader something, also one who only listens. */
export function say(text, isError = false) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.toggle("error", isError);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.textContent = ""; }, isError ? 8000 : 3500);
}

/** Sends a change (or asks, with method GET); gives the JSON, or says what went wrong and throws. */
export async function send(address, body, { method = "POST", signal } = {}) {
  const options = { method, signal, headers: { Accept: "application/json" } };
  if (method !== "GET") {
    options.headers["X-CSRF-Token"] = csrf;
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  let reply;
  try {
    reply = await fetch(address, options);
  } catch (error) {
    if (error.name !== "AbortError") say("The server does not answer.", true);
    throw error;
  }
  if (reply.status === 204) return null;
  const data = await reply.json().catch(() => ({}));
  if (!reply.ok) {
    const message = [data.error ?? `Error ${reply.status}`, data.remedy].filter(Boolean).join(" ");
    say(message, true);
    throw Object.assign(new Error(message), { status: reply.status });
  }
  return data;
}

/** The events of a reply that is written as it is made: one JSON object a line. */
export async function* events(address, body, signal) {
  const reply = await fetch(address, {
    method: "POST", signal, body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
  });
  if (!reply.ok) {
    const data = await reply.json().catch(() => ({}));
    throw new Error([data.error ?? `Error ${reply.status}`, data.remedy].filter(Boolean).join(" "));
  }
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += value ?? "";
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) return;
  }
}

/** An element; text is always text, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Whether keys are typed into something, so that they are no commands. */
export function typing(event) {
  const at = event.target;
  return event.ctrlKey || event.metaKey || event.altKey || at.isContentEditable
    || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName);
}

// On a small phone the pages' names do not all fit: the present one is in sight.
const here = document.querySelector(".bar [aria-current]"), names = here?.closest("nav");
if (here) names.scrollLeft += here.getBoundingClientRect().right - names.getBoundingClientRect().right;

const kept = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
if (kept) root.dataset.theme = kept;
document.getElementById("theme")?.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* nothing is kept then */ }
});
