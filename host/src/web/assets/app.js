// Everything works without scripts; these make it quicker.
import "./time.js";
import "./menu.js";
import "./file.js";
import "./filter.js";
import "./live.js";
import "./maps.js";
import "./preview.js";

// What is wrong with a form is read first.
document.querySelector("[data-focus]")?.focus();
