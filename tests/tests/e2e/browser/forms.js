// Sends every form of the page by every button, as it stands, and gives how each was answered.
const done = arguments[arguments.length - 1];
const ways = [...document.forms]
  .filter((form) => !new URL(form.getAttribute("action") ?? "", location.href).pathname.startsWith("/sign-out"))
  .flatMap((form) => {
    const buttons = [...form.elements].filter((part) => part.matches("button:not([type=button]):not([type=reset]), input[type=submit]"));
    if (buttons.length) return buttons.map((button) => ({ form, button }));
    // Without a button one sends it from a field, if there is one.
    return form.querySelector("input:not([type=hidden])") ? [{ form, button: null }] : [];
  });
// Made before anything is sent: the page may change when something happens.
const requests = ways.map(({ form, button }) => {
  const own = (name, standard) => button?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? standard;
  const method = own("method", "get").toUpperCase();
  const address = new URL(own("action", location.href), location.href);
  const data = new FormData(form, button);
  const options = { method, redirect: "manual", headers: { accept: "text/html" } };
  if (method === "GET") address.search = new URLSearchParams(data);
  else options.body = own("enctype", "") === "multipart/form-data" ? data : new URLSearchParams(data);
  const name = `${method} ${address.pathname} (${button?.textContent.trim() ?? "without a button"})`;
  return { form: name, address, options };
});
const send = async ({ form, address, options }) => {
  const answer = await fetch(address, options);
  // A redirect that isn't followed has no status of its own.
  const status = answer.type === "opaqueredirect" ? 303 : answer.status;
  await answer.body?.cancel();
  return { form, status };
};
(async () => {
  const sent = [];
  for (const request of requests) sent.push(await send(request).catch((error) => ({ form: String(error), status: 599 })));
  done(sent);
})();
