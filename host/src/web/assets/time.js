// Instants in the zone of whoever looks: `<time datetime data-shows="relative|exact">`.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function distance(seconds) {
  const far = Math.abs(seconds);
  if (far < 10) return seconds > 0 ? "in a moment" : "just now";
  const [unit, length] = UNITS.find(([, length]) => far >= length);
  const count = Math.floor(far / length);
  const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds < 0 ? `${words} ago` : `in ${words}`;
}

// The server's clock is the one that instants are counted from; the page's age is added to it.
export function show(root = document) {
  for (const element of root.querySelectorAll("time[data-shows]")) {
    const at = new Date(element.dateTime);
    element.title = exact.format(at);
    const relative = element.dataset.shows === "relative";
    const text = relative ? distance((at - Date.now()) / 1000) : element.title;
    if (element.textContent !== text) element.textContent = text;
  }
}

show();
setInterval(show, 10_000);
