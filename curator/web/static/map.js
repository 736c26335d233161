// The map: all papers on a canvas, drawn here from the server's places and nothing else.

import { element, say, send } from "./base.js";

const LISTED = 25; // papers in view that are named below the map
const NAMED = 40; // so few in view have their titles beside them
const LIGHT = ["#0072b2", "#d55e00", "#008566", "#b8558b", "#b97c00", "#3d9bd6", "#7a6c00", "#5d3a9b", "#8b938e"];
const DARK = ["#56a8e0", "#ff8a3d", "#2fc79a", "#e59ac4", "#f2b632", "#9ad4f7", "#e8dc4a", "#b39ae8", "#7d8882"];
const at = (id) => document.getElementById(id);
const canvas = at("map"), frame = at("frame"), tip = at("tip");
const pen = canvas.getContext("2d");
const view = { x: 0, y: 0, scale: 1 };
const fingers = new Map(); // pointers that are down, by their number
let data = { papers: [], tags: [], weeks: [] };
let colours = new Map(); // of tags
let chosen = null; // the tag that is shown alone
let width = 0, height = 0, fit = 1, looked = 0, listing = 0, painting = 0;
let grip = null; // where a drag or pinch began
let shownTip = null;

const dark = () => getComputedStyle(document.documentElement).colorScheme === "dark";
const number = (count) => Number(count).toLocaleString("en");

// ------------------------------------------------------------------------- what is shown

function visible(paper) {
  if (chosen !== null && paper.tag !== chosen) return false;
  const week = data.weeks[Number(at("week").value)];
  if (!week || !paper.week) return !at("only").checked;
  return at("only").checked ? paper.week === week : paper.week <= week;
}

const onScreen = (paper) => [
  (paper.x - view.x) * view.scale + width / 2, (paper.y - view.y) * view.scale + height / 2];

function shape(context, kind, x, y, size) {
  context.beginPath();
  if (kind === 1) context.rect(x - size * .85, y - size * .85, size * 1.7, size * 1.7);
  else if (kind === 2) { context.moveTo(x, y - size * 1.2); context.lineTo(x + size * 1.1, y + size * .8); context.lineTo(x - size * 1.1, y + size * .8); context.closePath(); }
  else if (kind === 3) { context.moveTo(x, y - size * 1.25); context.lineTo(x + size * 1.25, y); context.lineTo(x, y + size * 1.25); context.lineTo(x - size * 1.25, y); context.closePath(); }
  else context.arc(x, y, size, 0, 2 * Math.PI);
}

const kindOf = (colour) => (colour === 8 ? 0 : colour % 4);
const size = () => Math.max(2.2, Math.min(7, 3.4 * Math.sqrt(view.scale / fit) * Math.min(1.6, 12 / Math.sqrt(data.papers.length || 1) + .5)));

function paint() {
  painting = 0;
  const style = getComputedStyle(document.documentElement);
  const palette = dark() ? DARK : LIGHT;
  const ink = style.getPropertyValue("--ink"), card = style.getPropertyValue("--card");
  const ratio = devicePixelRatio || 1;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.lineWidth = .75;
  const radius = size();
  const titled = [];
  const order = data.papers.filter(visible).sort((a, b) => colourOf(b) - colourOf(a));
  for (const paper of order) {
    const [x, y] = onScreen(paper);
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
    titled.push([paper, x, y]);
    const colour = colourOf(paper);
    shape(pen, kindOf(colour), x, y, radius);
    pen.fillStyle = palette[colour];
    pen.strokeStyle = card;
    pen.fill();
    pen.stroke();
    if (paper.liked || paper === shownTip) {
      pen.beginPath();
      pen.arc(x, y, radius + 3, 0, 2 * Math.PI);
      pen.lineWidth = 1.6;
      pen.strokeStyle = ink;
      pen.stroke();
      pen.lineWidth = .75;
    }
  }
  if (titled.length <= NAMED) titles(titled, radius, ink, card);
}

/** Few in view have their titles beside them, where there is room: over no other paper. */
function titles(papers, radius, ink, card) {
  const taken = papers.map(([, x, y]) => [x - radius, x + radius, y]);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const [paper, x, y] of papers) {
    const text = paper.title.length > 44 ? `${paper.title.slice(0, 43)}…` : paper.title;
    const wide = pen.measureText(text).width;
    const left = [x + radius + 5, x - radius - 5 - wide].find((at) => at >= 0 && at + wide <= width
      && !taken.some(([l, r, t]) => Math.abs(t - y) < 15 && l < at + wide && r > at));
    if (left === undefined) continue;
    taken.push([left, left + wide, y]);
    pen.lineWidth = 3;
    pen.strokeStyle = card;
    pen.strokeText(text, left, y);
    pen.fillStyle = ink;
    pen.fillText(text, left, y);
  }
}

const colourOf = (paper) => colours.get(paper.tag) ?? 8;

function draw() {
  if (!painting) painting = requestAnimationFrame(paint);
  clearTimeout(listing);
  listing = setTimeout(name, 200);
}

/** Names the papers in view, the nearest to the middle first. */
function name() {
  const inside = [];
  for (const paper of data.papers) {
    if (!visible(paper)) continue;
    const [x, y] = onScreen(paper);
    if (x >= 0 && y >= 0 && x <= width && y <= height) {
      inside.push([Math.hypot(x - width / 2, y - height / 2), paper]);
    }
  }
  inside.sort((a, b) => a[0] - b[0]);
  at("count").textContent = `${number(inside.length)} paper${inside.length === 1 ? "" : "s"}`;
  at("list").replaceChildren(...inside.slice(0, LISTED).map(([, paper]) => element("li", {},
    element("a", { href: `/papers/${encodeURIComponent(paper.id)}`, dir: "auto" }, paper.title),
    element("span", { class: "faint small" }, ` ${[paper.tag, paper.week].filter(Boolean).join(", ")}`))));
  at("more").textContent = inside.length > LISTED
    ? `The ${LISTED} nearest to the middle. Zoom in to see the others.` : "";
}

function legend() {
  const palette = dark() ? DARK : LIGHT;
  const focused = document.activeElement?.dataset?.tag;
  at("legend").replaceChildren(...data.tags.map((tag) => {
    const swatch = element("canvas", { width: 32, height: 32, "aria-hidden": "true" });
    const context = swatch.getContext("2d");
    shape(context, kindOf(tag.colour), 16, 16, 10);
    context.fillStyle = palette[tag.colour];
    context.fill();
    return element("li", {}, element("button", {
      type: "button", "aria-pressed": String(chosen === tag.name), "data-tag": tag.name,
      onclick: () => { chosen = chosen === tag.name ? null : tag.name; legend(); draw(); },
    }, swatch, element("span", {}, tag.name || "something else"),
    element("span", { class: "faint" }, number(tag.count))));
  }));
  if (focused !== undefined) {
    for (const button of at("legend").querySelectorAll("button")) {
      if (button.dataset.tag === focused) button.focus();
    }
  }
}

// ------------------------------------------------------------------------- moving about

function measure() {
  const before = fit;
  width = frame.clientWidth;
  height = frame.clientHeight;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  fit = Math.max(1, (Math.min(width, height) / 2) * .94);
  view.scale *= fit / before;
  draw();
}

function whole() {
  Object.assign(view, { x: 0, y: 0, scale: fit });
  draw();
}

/** Zooms by a factor; what is at (x, y) on the screen stays there. */
function zoom(factor, x = width / 2, y = height / 2) {
  const scale = Math.min(fit * 60, Math.max(fit * .6, view.scale * factor));
  view.x += (x - width / 2) * (1 / view.scale - 1 / scale);
  view.y += (y - height / 2) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  hold();
}

/** The middle of the view stays on the map. */
function hold() {
  view.x = Math.min(1.1, Math.max(-1.1, view.x));
  view.y = Math.min(1.1, Math.max(-1.1, view.y));
  hide();
  draw();
}

function nearest(x, y, within) {
  let best = null, least = within;
  for (const paper of data.papers) {
    const [px, py] = onScreen(paper);
    const apart = Math.hypot(px - x, py - y);
    if (apart < least && visible(paper)) { best = paper; least = apart; }
  }
  return best;
}

function hide() {
  tip.hidden = true;
  if (shownTip) { shownTip = null; draw(); }
}

function tell(paper, open = false) {
  if (paper === shownTip && !open) return;
  shownTip = paper;
  canvas.classList.toggle("over", Boolean(paper));
  if (!paper) { hide(); draw(); return; }
  const [x, y] = onScreen(paper);
  tip.replaceChildren(element("div", { dir: "auto" }, paper.title),
    element("div", { class: "faint" }, [paper.tag, paper.day].filter(Boolean).join(" · ")),
    open ? element("a", { href: `/papers/${encodeURIComponent(paper.id)}` }, "Open") : "");
  tip.hidden = false;
  const left = Math.min(Math.max(6, x + 12), width - tip.offsetWidth - 6);
  const above = y + 14 + tip.offsetHeight > height;
  tip.style.translate = `${left}px ${above ? y - tip.offsetHeight - 12 : y + 14}px`;
  draw();
}

const spot = (event) => {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

function gripped() {
  const spots = [...fingers.values()];
  if (!spots.length) return null;
  const x = spots.reduce((sum, p) => sum + p.x, 0) / spots.length;
  const y = spots.reduce((sum, p) => sum + p.y, 0) / spots.length;
  const apart = spots.length > 1 ? Math.hypot(spots[0].x - spots[1].x, spots[0].y - spots[1].y) : 0;
  return { x, y, apart, moved: grip?.moved ?? 0 };
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, spot(event));
  if (fingers.size === 1) grip = null;
  grip = gripped();
});
canvas.addEventListener("pointermove", (event) => {
  const here = spot(event);
  if (!fingers.has(event.pointerId)) {
    if (event.pointerType === "mouse") tell(nearest(here.x, here.y, size() + 8));
    return;
  }
  fingers.set(event.pointerId, here);
  const now = gripped();
  now.moved += Math.hypot(now.x - grip.x, now.y - grip.y);
  if (fingers.size > 1) now.moved += 10; // a pinch is no click
  if (now.moved > 5) {
    canvas.classList.add("moving");
    view.x -= (now.x - grip.x) / view.scale;
    view.y -= (now.y - grip.y) / view.scale;
    if (now.apart && grip.apart) zoom(now.apart / grip.apart, now.x, now.y);
    hold();
  }
  grip = now;
});
const lift = (event) => {
  if (!fingers.has(event.pointerId)) return;
  const last = grip;
  fingers.delete(event.pointerId);
  const moved = grip?.moved ?? 0;
  grip = gripped();
  if (grip) { grip.moved = moved + 10; return; }
  canvas.classList.remove("moving");
  if (event.type !== "pointerup" || last.moved > 5) return;
  const touch = event.pointerType !== "mouse";
  const found = nearest(last.x, last.y, size() + (touch ? 18 : 8));
  if (found && (!touch || found === shownTip)) location.assign(`/papers/${encodeURIComponent(found.id)}`);
  else tell(found, touch);
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { x, y } = spot(event);
  zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 300), x, y);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = 60 / view.scale;
  const does = {
    ArrowLeft: () => { view.x -= step; hold(); }, ArrowRight: () => { view.x += step; hold(); },
    ArrowUp: () => { view.y -= step; hold(); }, ArrowDown: () => { view.y += step; hold(); },
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: whole, Home: whole,
    Escape: hide,
  }[event.key];
  if (does) { event.preventDefault(); does(); }
});
at("closer").addEventListener("click", () => zoom(1.6));
at("farther").addEventListener("click", () => zoom(1 / 1.6));
at("all").addEventListener("click", whole);

// ---------------------------------------------------------------------------- the data

function week() {
  const named = data.weeks[Number(at("week").value)] ?? "";
  at("week-name").textContent = named;
  at("week").setAttribute("aria-valuetext", named);
  hide();
  draw();
}
at("week").addEventListener("input", week);
at("only").addEventListener("change", week);

function told(text, job = null) {
  at("state").hidden = !text;
  if (at("said-state").textContent !== text) at("said-state").textContent = text;
  const bar = at("bar");
  bar.hidden = !job;
  if (job?.of) { bar.max = job.of; bar.value = job.done; } else bar.removeAttribute("value");
}

function take(fresh) {
  const first = !data.papers.length;
  const atEnd = first || Number(at("week").value) === data.weeks.length - 1;
  const was = data.weeks[Number(at("week").value)];
  data = fresh;
  colours = new Map(data.tags.map((tag) => [tag.name, tag.colour]));
  if (chosen !== null && !colours.has(chosen)) chosen = null;
  const last = Math.max(0, data.weeks.length - 1);
  at("week").max = last;
  at("week").value = atEnd ? last : Math.max(0, data.weeks.indexOf(was));
  at("week").disabled = data.weeks.length < 2;
  at("whole").hidden = !data.papers.length;
  at("anew").hidden = !data.papers.length;
  if (data.papers.length) {
    measure();
    if (first) whole();
    week();
    legend();
  }
}

async function load() {
  clearTimeout(looked);
  let fresh;
  try {
    fresh = await send("/api/map", null, { method: "GET" });
  } catch (error) {
    told(error.message);
    return;
  }
  take(fresh);
  const behind = fresh.job?.behind ? ` It waits for: ${fresh.job.behind}.` : "";
  if (fresh.state === "drawing") {
    told(fresh.papers.length ? `Newer papers are being put on the map.${behind}`
      : `The map of ${number(fresh.total)} papers is being drawn.${behind}`, fresh.job);
    looked = setTimeout(load, 1000);
  } else if (fresh.state === "failed") told(`The map could not be drawn. ${fresh.error}`);
  else if (fresh.state === "empty") told("There are no papers yet. Add some under Status.");
  else if (fresh.state === "no vectors") told("No paper has a vector yet. “Index” under Status makes them.");
  else {
    const without = fresh.total - fresh.papers.length;
    told(without > 0 ? `${number(without)} papers are not on the map: they have no vector yet (“Index” under Status), or are too many.` : "");
    at("about").textContent = `${number(fresh.papers.length)} papers; what is near in meaning lies near. Directions mean nothing.${fresh.later ? ` ${number(fresh.later)} came after it was drawn.` : ""}`;
  }
  at("anew").disabled = fresh.state === "drawing";
  if (fresh.state === "failed") at("anew").hidden = false;
}

at("anew").addEventListener("click", async () => {
  try {
    await send("/api/map", {});
    say("The map is drawn anew.");
  } catch { /* said already */ }
  load();
});
new ResizeObserver(() => { if (data.papers.length) measure(); }).observe(frame);
const repaint = () => { if (data.papers.length) { legend(); draw(); } };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
new MutationObserver(repaint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
load();
