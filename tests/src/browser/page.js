// What is measured of the page that is open.
const [arrival] = performance.getEntriesByType("navigation");
const root = document.documentElement;
// A phone zooms out for what doesn't fit, and takes the window for wider than its screen.
const width = Math.min(root.clientWidth, screen.width);
// Links are asked for by their text and their address, without what names a place on the page.
const links = [...document.querySelectorAll("a[href]")].map((link) => ({
  text: link.textContent.trim().replace(/\s+/g, " ") || link.getAttribute("aria-label") || "",
  href: link.href.split("#")[0],
  external: link.origin !== location.origin,
  file: link.hasAttribute("download"),
  lost: link.hash && link.href.split("#")[0] === location.href.split("#")[0]
    && !document.getElementById(decodeURIComponent(link.hash.slice(1))),
}));
// Wider than the window, and neither inside something that scrolls by itself nor cut off.
const sticksOut = (element) => {
  if (element.getBoundingClientRect().right <= width + 1) return false;
  for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) {
    if (getComputedStyle(up).overflowX !== "visible") return false;
  }
  return true;
};
const wide = root.scrollWidth > width
  ? [...document.body.querySelectorAll("*")].filter(sticksOut).slice(0, 5).map((element) => element.outerHTML.slice(0, 120))
  : [];
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
return {
  url: location.href,
  path: location.pathname + location.search,
  status: arrival ? arrival.responseStatus : 0,
  bytes: arrival ? arrival.decodedBodySize : 0,
  title: document.title,
  headings: [...document.querySelectorAll("h1")].map((heading) => heading.textContent.trim()),
  links,
  width,
  needs: root.scrollWidth,
  wide,
  twice: ids.filter((id, place) => ids.indexOf(id) !== place),
};
