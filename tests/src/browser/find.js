// Finds what is called so: a control by its accessible name, a field by its label, a table by its caption.
// Arguments: selector of the part to look in, kind, name, and for options the option's name.
// Gives the element, or the names that there are instead.
const [part, kind, wanted, option] = arguments;
const KINDS = {
  control: "a[href], button, summary, input[type=submit], [role=button], [role=tab], [role=menuitem]",
  field: "input:not([type=hidden]):not([type=submit]), select, textarea",
  table: "table",
};
const clean = (text) => (text ?? "").trim().replace(/\s+/g, " ");
const said = (element) => {
  const copy = element.cloneNode(true);
  for (const silent of copy.querySelectorAll("[aria-hidden=true], input, select, textarea")) silent.remove();
  for (const image of copy.querySelectorAll("img[alt], svg[aria-label]")) {
    image.replaceWith(image.getAttribute("alt") ?? image.getAttribute("aria-label"));
  }
  return clean(copy.textContent);
};
const named = (element) => {
  const by = element.getAttribute("aria-labelledby");
  if (by) return clean(by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" "));
  const label = element.getAttribute("aria-label");
  if (label) return clean(label);
  if (element.labels?.length) return clean([...element.labels].map(said).join(" "));
  if (element.matches("table")) return clean(element.caption?.textContent);
  if (element.matches("input[type=submit]")) return clean(element.value);
  if (element.matches("fieldset")) return clean(element.querySelector("legend")?.textContent);
  return said(element) || clean(element.title) || clean(element.placeholder);
};
const shown = (element) => element.checkVisibility({ visibilityProperty: true });
const rooms = [...document.querySelectorAll(part)];
const all = (selector) => rooms.flatMap((room) => [...room.querySelectorAll(selector)]).filter(shown);
const pick = (elements, name) => {
  const same = elements.filter((element) => named(element) === name);
  if (same.length) return same[0];
  // A part of the name is enough where nothing else has it.
  const close = elements.filter((element) => named(element).toLowerCase().includes(name.toLowerCase()));
  return close.length === 1 ? close[0] : null;
};
// What is below the bar at the top, which stays there, is brought out as one would by scrolling.
const answer = (element, elements) => {
  element?.scrollIntoView({ block: "center", behavior: "instant" });
  return element ? { element } : { names: [...new Set(elements.map(named))].filter(Boolean).slice(0, 60) };
};

if (kind !== "option") {
  const elements = all(KINDS[kind]);
  return answer(pick(elements, wanted), elements);
}
const choices = [...all("select"), ...all("fieldset, [role=radiogroup]")];
const choice = pick(choices, wanted);
if (!choice) return answer(null, choices);
const options = choice.matches("select")
  ? [...choice.options]
  : [...choice.querySelectorAll("input[type=radio]")];
const name = (element) => (element.matches("option") ? clean(element.label) : named(element));
const found = options.find((element) => name(element) === option) ?? options.find((element) => name(element).includes(option));
return found ? { element: found } : { names: options.map(name) };
