// Papers in a list and on their own page: marks, tags edited in place, keys.

import { element, say, send } from "/static/base.js";

const MARKS = [["liked", "Like"], ["disliked", "Dislike"], ["read", "Read"]];
const DONE = { liked: "Liked", disliked: "Disliked", read: "Marked as read" };

/** A paper of a list, as templates/_paper.html makes it. */
export function hitElement(paper, searched) {
  const about = [paper.day];
  if (paper.authors.length) {
    const more = paper.authors.length - 5;
    about.push(paper.authors.slice(0, 5).join(", ") + (more > 0 ? ` and ${more} more` : ""));
  }
  if (paper.venue) about.push(paper.venue);
  const line = element("p", { class: "faint small about" }, about.join(" · "));
  if (paper.url) {
    line.append(" · ", element("a", { href: paper.url, rel: "noopener noreferrer", target: "_blank" },
      "source", element("span", { class: "unseen" }, ` of ${paper.title}`)));
  }
  const title = element("h3", { id: `t-${paper.paper_id}` },
    element("a", { class: "open", href: `/papers/${paper.paper_id}` }, paper.title));
  const tools = element("div", { class: "row tools" }, marksForm(paper), tagsElement(paper));
  return element("article", {
    class: "card hit", id: paper.paper_id, "data-paper": paper.paper_id,
    "aria-labelledby": `t-${paper.paper_id}`,
  }, title, line, said(paper, searched), tools);
}

function said(paper, searched) {
  if (!searched && paper.tldr) return summary(paper.tldr);
  return paper.snippet === paper.title && !paper.tldr ? null : snippet(paper);
}

function snippet(paper) {
  const line = element("p", { class: "sentence" });
  const text = [...paper.snippet];  // places count letters, not halves of them
  let end = 0;
  for (const [from, to] of paper.matches) {
    line.append(text.slice(end, from).join(""), element("mark", {}, text.slice(from, to).join("")));
    end = to;
  }
  line.append(text.slice(end).join(""), " ", element("span", { class: "origin quote" }, "quoted"));
  return line;
}

function summary(tldr) {
  const [kind, label] = tldr.origin === "quote" ? ["quote", "quoted"]
    : tldr.supported ? ["model", `checked ${tldr.score.toFixed(2)}`]
      : ["unsupported", "not supported"];
  return element("p", { class: "sentence" }, tldr.text, " ",
    element("span", { class: `origin ${kind}` }, label));
}

function marksForm(paper) {
  const buttons = MARKS.map(([mark, name]) => element("button", {
    name: "mark", "data-mark": mark, "aria-pressed": String(paper.marks.includes(mark)),
  }, name));
  return element("form", {
    method: "post", action: `/papers/${paper.paper_id}/marks`, class: "marks", "data-change": "marks",
  }, ...buttons);
}

function tagForm(paperId, tag, has, sign, label) {
  return element("form", { method: "post", action: `/papers/${paperId}/tags`, "data-change": "tags" },
    element("input", { type: "hidden", name: "tag", value: tag }),
    element("input", { type: "hidden", name: "has", value: has }),
    element("button", { class: "sign", "aria-label": label, title: label }, sign));
}

function tagsElement({ paper_id: id, tags, removed }) {
  const chips = tags.map((tag) => {
    const known = tag.said === null ? tag.confidence.toFixed(2) : "you";
    return element("li", { class: tag.needs_review ? "chip waiting" : "chip" },
      element("a", { href: `/library?tag=${encodeURIComponent(tag.tag)}` }, tag.tag), " ",
      element("span", { class: "faint" }, known + (tag.needs_review ? "?" : "")),
      tag.needs_review ? tagForm(id, tag.tag, "true", "✓", `Confirm the tag ${tag.tag}`) : null,
      tag.said === null ? tagForm(id, tag.tag, "false", "×", `Remove the tag ${tag.tag}`)
        : tagForm(id, tag.tag, "null", "↶", `Take back the tag ${tag.tag}`));
  });
  const gone = removed.map((tag) => element("li", { class: "chip removed" },
    element("s", {}, tag), element("span", { class: "unseen" }, " removed"),
    tagForm(id, tag, "null", "↶", `Undo removing the tag ${tag}`)));
  const add = element("form", {
    method: "post", action: `/papers/${id}/tags`, class: "add", "data-change": "tags",
  }, element("input", {
    name: "tag", list: "taxonomy", maxlength: "200", required: true, placeholder: "Add a tag",
    "aria-label": "Add a tag", autocomplete: "off",
  }), element("input", { type: "hidden", name: "has", value: "true" }), element("button", {}, "Add"));
  return element("div", { class: "tags", "data-paper": id },
    element("ul", { class: "chips", "aria-label": "Tags" }, ...chips, ...gone), add);
}

async function changeMark(form, button) {
  const mark = button.dataset.mark;
  const on = button.getAttribute("aria-pressed") !== "true";
  const reply = await send(`/api${new URL(form.action).pathname}`, { mark, on });
  for (const other of form.querySelectorAll("[data-mark]")) {
    const is = other.dataset.mark in reply.marks;
    other.setAttribute("aria-pressed", String(is));
    other.value = `${other.dataset.mark}:${is ? "off" : "on"}`;
  }
  say(on ? `${DONE[mark]}.` : "Taken back.");
}

async function changeTag(form) {
  const tag = form.elements.tag.value.trim();
  if (!tag) return;
  const has = { true: true, false: false, null: null }[form.elements.has.value];
  const old = form.closest(".tags");
  old.classList.add("busy");
  try {
    const reply = await send(`/api${new URL(form.action).pathname}`, { tag, has });
    const adding = form.classList.contains("add");
    const made = tagsElement(reply);
    old.replaceWith(made);
    // The button that was pressed is gone: whoever uses keys goes on at the same place.
    made.querySelector(adding ? ".add input" : ".sign, .add input").focus();
    say(has === true ? `Tag ${reply.tag} kept.` : has === false ? `Tag ${reply.tag} removed.`
      : `Tag ${reply.tag}: your word is taken back.`);
  } finally {
    old.classList.remove("busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.change) return;
  event.preventDefault();
  const change = form.dataset.change === "marks" ? changeMark(form, event.submitter) : changeTag(form);
  change.catch(() => { /* it was said */ });
});

/** What a key of a paper does; whether it does anything. */
export function paperKey(paper, key) {
  const mark = { l: "liked", d: "disliked", r: "read" }[key];
  if (mark) paper.querySelector(`[data-mark="${mark}"]`).click();
  else if (key === "t") paper.querySelector(".add input").focus();
  else return false;
  return true;
}
