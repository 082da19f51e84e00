// Transform maps: rules are checked and tried as one types, rows move without leaving the page, and a click on a
// field of a model puts it into the rule that one is in. Forms with `data-map` do the same without this.
import { swap } from "./live.js";

const work = document.querySelector("form[data-map]");
let latest = 0;
// The source and the target that one was in last.
const last = {};

// The page that the form would lead to. Its buttons are named `action`, which hides the property of this name.
async function ask(action) {
  const body = new URLSearchParams([...new FormData(work), ["action", action]]);
  const mine = ++latest;
  const answer = await fetch(work.getAttribute("action"), { method: "POST", body, headers: { accept: "text/html" } });
  if (mine !== latest || answer.redirected || !answer.headers.get("content-type")?.startsWith("text/html")) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return mine === latest ? page : null;
}

const field = (root, name) => root.querySelector(`[name="${CSS.escape(name)}"]`);

// Shows what is wrong and what comes out, and leaves what one types in alone.
async function check(action = "check") {
  const page = await ask(action);
  if (!page) return;
  for (const old of work.querySelectorAll("[data-check][id]")) {
    if (!old.contains(document.activeElement) || action === "find") swap(old, page.getElementById(old.id));
  }
  for (const input of work.querySelectorAll("[name^='rules[']")) {
    // A field that is blank has no counterpart, and can't be wrong by itself.
    const fresh = field(page, input.name);
    if (fresh && fresh.value === input.value && fresh.ariaInvalid === "true") input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

// Puts the whole form in the place of the old one, and goes on where the answer says.
async function renew(action) {
  const page = await ask(action);
  const fresh = page?.getElementById("map-work");
  const old = document.getElementById("map-work");
  if (!fresh || !old) return;
  swap(old, fresh);
  // Rules have other numbers now.
  delete last.source;
  delete last.target;
  prepare();
  changed = true;
  const here = fresh.querySelector("[autofocus]");
  const word = action.split(":")[0];
  const button = word !== "add" && here?.closest(".rule").querySelector(`button[value^="${word}:"]:not(:disabled)`);
  (button || here)?.focus();
}

let changed = false;
let waiting;

function later(action) {
  clearTimeout(waiting);
  waiting = setTimeout(() => check(action), 300);
}

// Fields of the models become buttons, and can be searched.
function prepare() {
  for (const model of document.querySelectorAll(".model")) {
    const search = model.querySelector("[data-search]");
    search.hidden = false;
    search.addEventListener("input", (event) => {
      event.stopPropagation();
      const text = event.target.value.trim().toLowerCase();
      for (const item of model.querySelectorAll("[data-path]")) item.hidden = !item.textContent.toLowerCase().includes(text);
    });
    if (!work?.matches("[data-edits]")) continue;
    for (const code of model.querySelectorAll("[data-path] code")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = code.textContent;
      button.addEventListener("click", () => choose(model.dataset.side, code.textContent));
      code.replaceWith(button);
    }
  }
}

function choose(side, path) {
  const inputs = [...work.querySelectorAll(`.rule-line [data-side="${side}"], .rule-more[open] [data-side="${side}"]`)];
  const input = inputs.find((one) => one.name === last[side]) ?? inputs.find((one) => one.value === "") ?? inputs.at(-1);
  if (!input) return;
  input.value = path;
  input.focus();
  changed = true;
  later("check");
}

prepare();

if (work) {
  changed = work.matches("[data-unsaved]");
  work.addEventListener("focusin", (event) => {
    const side = event.target.dataset.side;
    if (!side) return;
    last[side] = event.target.name;
    const model = work.querySelector(`.model[data-side="${side}"]`);
    if (model) model.open = true;
  });
  work.addEventListener("input", (event) => {
    const name = event.target.name ?? "";
    if (name === "" || name === "comment") return;
    const tries = event.target.closest(".trial-wish");
    if (!tries) changed = true;
    later(tries ? "find" : "check");
  });
  work.addEventListener("submit", (event) => {
    const action = event.submitter?.value ?? "check";
    clearTimeout(waiting);
    if (action === "save" || action.startsWith("overwrite")) {
      changed = false;
      return;
    }
    event.preventDefault();
    if (/^(add|up|down|remove)/.test(action)) renew(action);
    else check(action);
  });
  addEventListener("beforeunload", (event) => {
    if (changed && work.matches("[data-edits]")) event.preventDefault();
  });
}
