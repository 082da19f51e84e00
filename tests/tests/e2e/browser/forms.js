// Sends every form of the page by every button, as it stands, and gives how each was answered.
const done = arguments[arguments.length - 1];
const ways = [...document.forms]
  .filter((form) => !new URL(form.getAttribute("action") ?? "", location.href).pathname.startsWith("/sign-out"))
  .flatMap((form) => {
    const buttons = [...form.elements].filter((part) => part.matches("button:not([type=button]):not([type=reset]), input[type=submit]"));
    return (buttons.length ? buttons : [null]).map((button) => ({ form, button }));
  });
const send = async ({ form, button }) => {
  const own = (name, standard) => button?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? standard;
  const method = own("method", "get").toUpperCase();
  const address = new URL(own("action", location.href), location.href);
  const data = new FormData(form, button);
  const options = { method, redirect: "manual", headers: { accept: "text/html" } };
  if (method === "GET") address.search = new URLSearchParams(data);
  else options.body = own("enctype", "") === "multipart/form-data" ? data : new URLSearchParams(data);
  const name = `${method} ${address.pathname} (${button?.textContent.trim() ?? "without a button"})`;
  const answer = await fetch(address, options);
  // A redirect that isn't followed has no status of its own.
  const status = answer.type === "opaqueredirect" ? 303 : answer.status;
  await answer.body?.cancel();
  return { form: name, status };
};
(async () => {
  const sent = [];
  for (const way of ways) sent.push(await send(way).catch((error) => ({ form: String(error), status: 599 })));
  done(sent);
})();
