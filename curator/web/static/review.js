// Keys for the review; its forms work without this.

import { say, typing } from "/static/base.js";
import { swap } from "/static/swap.js";

const desk = () => document.getElementById("desk");
const button = (value) => [...desk().querySelectorAll("button[name=answer]")].find((one) => one.value === value);

async function answer(pressed) {
  const before = desk().querySelector("[data-paper]")?.dataset.paper;
  const value = pressed.value;
  const said = pressed.dataset.say;
  const now = await swap("desk", pressed.form, pressed);
  if (!now) return;
  const told = now.querySelector("#told");
  say(told ? told.textContent : said, Boolean(told));
  if (now.querySelector("[data-paper]")?.dataset.paper !== before) {
    now.querySelector("#paper")?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  } else {
    const tag = value.slice(value.indexOf(" ") + 1);
    const row = [...now.querySelectorAll("[data-tag]")].find((one) => one.dataset.tag === tag);
    const next = now.querySelector(".question:not(.said) button") ?? row?.querySelector("button");
    next?.focus({ preventScroll: true });
    next?.closest(".question").scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "answers" || !event.submitter) return;
  event.preventDefault();
  answer(event.submitter);
});

document.addEventListener("keydown", (event) => {
  if (event.target.id === "another" && event.key === "Enter") {
    event.preventDefault();  // or the form's first button would be meant
    answer(button("add"));
    return;
  }
  if (typing(event) || event.repeat) return;
  const open = desk().querySelectorAll(".question:not(.said) .answers button");
  const row = /^[1-9]$/.test(event.key) ? desk().querySelectorAll(".question")[event.key - 1] : null;
  let pressed = null;
  if (event.key === "y") [pressed] = open;
  else if (event.key === "n") pressed = open[1];
  else if (event.key === "a") pressed = button("all");
  else if (event.key === "s") pressed = button("skip");
  else if (event.key === "u") pressed = button("undo");
  else if (row) {
    const [right, wrong] = row.querySelectorAll(".answers button");
    pressed = right.getAttribute("aria-pressed") === "true" ? wrong : right;
  }
  if (pressed && !pressed.disabled) {
    event.preventDefault();
    answer(pressed);
  }
});
