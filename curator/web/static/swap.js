// Forms that stay on their page: what the server answers takes the place of the part with their id.

import { say } from "/static/base.js";

let busy = false;

/** Sends a form as its button would; puts the part `id` of the page that comes back in its place. Gives
 *  that part, or null if nothing came of it. The page comes from our own templates, and what is parsed
 *  so runs no script. */
export async function swap(id, form, button) {
  if (busy) {
    say("The last change is still being stored.");
    return null;
  }
  busy = true;
  const part = document.getElementById(id);
  part.setAttribute("aria-busy", "true");
  try {
    const fields = new URLSearchParams(new FormData(form, button));
    const reply = await fetch(form.getAttribute("action"), {
      method: "POST", body: fields, headers: { "X-CSRF-Token": fields.get("csrf") ?? "", Accept: "text/html" },
    });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const now = page.getElementById(id);
    if (!now) {
      const said = [...page.querySelectorAll("main h1, main h1 + p:not(.faint)")].map((one) => one.textContent.trim());
      say(said.join(" ") || `Error ${reply.status}`, true);
      return null;
    }
    part.replaceWith(document.adoptNode(now));
    return now;
  } catch {
    say("The server does not answer.", true);
    return null;
  } finally {
    busy = false;
    part.removeAttribute("aria-busy");
  }
}
