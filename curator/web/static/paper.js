// One paper: those like it, once the page is there, and its keys.

import { element, send, typing } from "/static/base.js";
import { hitElement, paperKey } from "/static/papers.js";

const paper = document.querySelector(".current-paper");
const similar = document.getElementById("similar");

async function loadSimilar() {
  const list = document.getElementById("similar-list");
  list.setAttribute("aria-busy", "true");
  try {
    const id = encodeURIComponent(paper.dataset.paper);
    const found = await send(`/api/papers/${id}/similar`, null, { method: "GET" });
    list.replaceChildren(...found.hits.map((hit) => hitElement(hit, false)));
    if (!found.hits.length) list.append(element("p", { class: "faint" }, "None."));
  } catch {
    // It was said; the link is still there.
  } finally {
    list.removeAttribute("aria-busy");
  }
}

if (similar.dataset.wanted) loadSimilar();

document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  const near = document.activeElement?.closest?.("#similar .hit") ?? paper;
  if (event.key === "o" && near !== paper) near.querySelector(".open").click();
  else if (!paperKey(near, event.key)) return;
  event.preventDefault();
});
