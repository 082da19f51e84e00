// Forms that filter a list: `<form method="get" data-filter="ID">` shows its answer in the element of that id as
// one types. The address follows, so that it can be sent to somebody. A part of a form that is sent otherwise may be
// such a filter, too: `<div data-filter="ID">`.
import { swap } from "./live.js";

let latest = 0;

async function apply(form) {
  const address = new URL(form.getAttribute("action") || location.href, location.href);
  const own = [...form.querySelectorAll("input, select")].map((field) => [field.name, field.value]);
  const fields = (form.matches("form") ? [...new FormData(form)] : own).filter(([, value]) => value !== "");
  address.search = new URLSearchParams(fields).toString();
  const mine = ++latest;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (mine !== latest || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== latest) return;
  for (const id of form.dataset.filter.split(" ")) swap(document.getElementById(id), page.getElementById(id));
  history.replaceState(null, "", address);
}

for (const form of document.querySelectorAll("[data-filter]")) {
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => apply(form), 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    apply(form);
  });
}
