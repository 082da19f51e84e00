// Keeps a page up to date: when something happens, the page is asked for again, and what is marked `data-live` and
// has an id is put in the place of what was there. `<body>` or another element says where events come from:
// `data-events="/api/v1/events?connector=..."`.
import { show } from "./time.js";

// Puts an element in the place of another, unless somebody is busy in it.
export function swap(old, fresh) {
  if (!old || !fresh) return;
  if (old.isEqualNode(fresh)) return;
  const active = document.activeElement;
  const focused = old.contains(active) ? active.id : "";
  show(fresh);
  old.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
}

const busy = (element) =>
  element.querySelector("details[open]") ||
  (element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

let asked = false;
let again = false;

export async function refresh() {
  if (asked) {
    again = true;
    return;
  }
  asked = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live][id]")) {
        if (!busy(old)) swap(old, page.getElementById(old.id));
      }
    }
  } finally {
    // At most one request in this time, however much happens.
    setTimeout(() => {
      asked = false;
      if (again) {
        again = false;
        refresh();
      }
    }, 400);
  }
}

const source = document.querySelector("[data-events]");
if (source && document.querySelector("[data-live]")) {
  const events = new EventSource(source.dataset.events);
  // A state that holds no more than the page was made from is no news.
  const seen = Number(document.body.dataset.seen);
  events.addEventListener("state", (event) => {
    if (!(Number(event.lastEventId) <= seen)) refresh();
  });
  for (const name of ["run", "progress", "connector", "catalogue"]) events.addEventListener(name, refresh);
  addEventListener("pagehide", () => events.close());
}
