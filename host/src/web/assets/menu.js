// Menus are `<details class="menu">`: they close on Escape, on a click elsewhere and when another opens.
const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// `data-copy` puts its value on the clipboard.
document.addEventListener("click", async (event) => {
  const source = event.target.closest("[data-copy]");
  if (!source || !navigator.clipboard) return;
  event.preventDefault();
  await navigator.clipboard.writeText(source.dataset.copy);
  source.dataset.copied = "";
  setTimeout(() => delete source.dataset.copied, 1200);
});
