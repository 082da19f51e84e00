// A secret that comes in a file: `<input type="file" data-fills="ID">` fills the field of that id. Text stays as it is,
// anything else is written in base64. The file itself is never sent.
function encoded(bytes) {
  let text = "";
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return btoa(text);
}

for (const chooser of document.querySelectorAll("input[data-fills]")) {
  const field = document.getElementById(chooser.dataset.fills);
  const around = chooser.closest("[hidden]");
  if (around) around.hidden = false;
  chooser.addEventListener("change", async () => {
    const [file] = chooser.files;
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    field.value = text.includes("-----BEGIN ") ? text : encoded(bytes);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
