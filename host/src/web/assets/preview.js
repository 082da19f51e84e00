// Forms that show what they would do before they are sent.
import { swap } from "./live.js";

// Sends a form as one of its buttons would, and shows parts of the answer in the place of what is there.
async function show(form, action, ids) {
  const body = new URLSearchParams(new FormData(form));
  body.set("action", action);
  // A button of that name hides the form's own property.
  const address = form.getAttribute("action") || location.href;
  const answer = await fetch(address, { method: "POST", body, headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.getElementById(ids[0]) ?? page.querySelector(".notice.bad");
  return { page, main };
}

// `<form data-preview="ID">`: as one types.
let latest = 0;
for (const form of document.querySelectorAll("form[data-preview]")) {
  const ids = form.dataset.preview.split(" ");
  const preview = async () => {
    const mine = ++latest;
    const { page } = await show(form, "preview", ids);
    if (mine !== latest) return;
    for (const id of ids) swap(document.getElementById(id), page.getElementById(id));
  };
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(preview, 250);
  });
  // The browser's zone is a better guess than none, as long as nobody has chosen one.
  const zone = form.hasAttribute("data-zone") && form.elements["schedule.zone"];
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && own && zone.value === "UTC" && own !== "UTC") {
    zone.value = own;
    preview();
  }
}

// `<button data-swap="ID">`: the answer is shown in its place, and what was entered stays.
for (const button of document.querySelectorAll("button[data-swap]")) {
  button.addEventListener("click", async (event) => {
    if (!button.form.reportValidity()) return;
    event.preventDefault();
    button.disabled = true;
    try {
      const ids = [button.dataset.swap];
      const { page, main } = await show(button.form, button.value, ids);
      const bad = page.querySelector(".notice.bad[data-focus]");
      const place = document.getElementById(ids[0]);
      if (bad) place.replaceChildren(document.adoptNode(bad));
      else swap(place, main);
    } finally {
      button.disabled = false;
    }
  });
}

// Groups that are ticked join those that are chosen, so that another search doesn't lose them.
document.addEventListener("change", (event) => {
  const pick = event.target.closest("input[data-pick]");
  const chosen = document.getElementById("chosen");
  if (!pick || !chosen || chosen.contains(pick)) return;
  chosen.append(pick.closest("li"));
  document.getElementById("none-chosen")?.remove();
  const some = document.querySelector('input[name="scope"][value="some"]');
  if (some) some.checked = true;
  pick.focus();
});
