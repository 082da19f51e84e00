// Runs a connector's component in Node: description, connection test, and a whole snapshot.
//
//   node snapshot.mjs PLUGIN.wasm SETTINGS.json SUMMARY.json
//
// jco turns the component into JavaScript and core WebAssembly; everything below plays the host.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { transpile, writeFiles } from "@bytecodealliance/jco-transpile";
import { http } from "@bytecodealliance/preview2-shim";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";

const [plugin, settingsFile, summaryFile] = process.argv.slice(2).map((file) => resolve(file));
const { Fields, OutgoingBody, OutgoingRequest } = http.types;
const utf8 = (text) => new TextEncoder().encode(text);

// ---------------------------------------------------------------- the credential

let oauth; // the connection's `client-credentials`
let secrets = {}; // values of secret settings, by key
let token; // { value, roles, ends }

// Imports are synchronous, `fetch` is not. The shim's own WASI HTTP is, and works from this side too.
function post(url, form) {
  const { protocol, host, pathname } = new URL(url);
  const type = "application/x-www-form-urlencoded";
  const request = new OutgoingRequest(Fields.fromList([["content-type", utf8(type)]]));
  request.setMethod({ tag: "post" });
  request.setScheme({ tag: protocol === "https:" ? "HTTPS" : "HTTP" });
  request.setAuthority(host);
  request.setPathWithQuery(pathname);
  const body = request.body();
  const answer = http.outgoingHandler.handle(request);
  body.write().blockingWriteAndFlush(utf8(form.toString()));
  OutgoingBody.finish(body);
  answer.subscribe().block();
  const { tag, val: response } = answer.get().val;
  if (tag === "err") throw { status: 0, error: "unreachable", description: response.tag };
  const stream = response.consume().stream();
  const chunks = [];
  try {
    for (;;) chunks.push(stream.blockingRead(65536n));
  } catch (end) {
    if ((end.payload ?? end).tag !== "closed") throw end;
  }
  return { status: response.status(), body: Buffer.concat(chunks).toString() };
}

// An import that gives a `result` returns its ok and throws its err.
function renew() {
  const { tokenEndpoint, clientId, scope, proof } = oauth;
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: secrets[proof.val] };
  const { status, body } = post(tokenEndpoint, new URLSearchParams(scope ? { ...form, scope } : form));
  const answer = JSON.parse(body);
  if (status !== 200) throw { status, error: answer.error, description: answer.error_description };
  const claims = JSON.parse(Buffer.from(answer.access_token.split(".")[1], "base64url"));
  token = { value: answer.access_token, roles: claims.roles ?? [], ends: Date.now() + answer.expires_in * 1000 };
  return { roles: token.roles, expiresIn: answer.expires_in };
}

function ready() {
  const left = token ? Math.floor((token.ends - Date.now()) / 1000) : 0;
  return left > 60 ? { roles: token.roles, expiresIn: left } : renew();
}

// ---------------------------------------------------------------- the way out

// A request gets `Authorization` in the host's half of the resource; the sandbox has only a
// handle, and what it can ask for, the headers, is what it gave. `fromList` copies; the shim's
// `clone` shares its list with the original.
class AuthorizedRequest extends OutgoingRequest {
  #given;
  constructor(given) {
    const own = ["authorization", "x-connector-cost"]; // the host's business, never passed on
    const sent = Fields.fromList(given.entries().filter(([name]) => !own.includes(name.toLowerCase())));
    if (token) sent.append("authorization", utf8(`Bearer ${token.value}`));
    super(sent);
    this.#given = given;
  }
  headers() {
    return this.#given;
  }
}

// Every request has the token, so none leaves but to where the token belongs.
function handle(request, options) {
  const scheme = request.scheme()?.tag === "HTTP" ? "http" : "https";
  if (!oauth?.audience.includes(`${scheme}://${request.authority()}`)) throw { tag: "HTTP-request-denied" };
  return http.outgoingHandler.handle(request, options);
}

// ---------------------------------------------------------------- the directory

const users = new Set();
const groups = new Set();
const members = new Map(); // group -> member -> kind

// Begins empty, so what is proven complete removes nothing, and nobody is hidden for later.
const changes = {
  user: ({ id }) => users.add(id),
  group: ({ id }) => groups.add(id),
  "user-removed": ({ id }) => {
    users.delete(id);
    for (const group of members.values()) group.delete(id);
  },
  "group-removed": (id) => {
    groups.delete(id);
    members.delete(id);
  },
  "members-added": ({ group, members: joined }) => {
    if (!members.has(group)) members.set(group, new Map());
    for (const { id, kind } of joined) members.get(group).set(id, kind);
  },
  "members-removed": ({ group, members: left }) => left.forEach((id) => members.get(group)?.delete(id)),
  "members-unavailable": ({ group, reason }) => console.error(`members of ${group}: ${reason}`),
  "members-complete": () => {},
  "stream-complete": () => {},
};

// ---------------------------------------------------------------- the component

const wasi = new WASIShim({ sandbox: { env: {}, args: [], preopens: {}, enableNetwork: false } });
const imports = {
  ...wasi.getImportObject(),
  "wasi:http/types": { ...http.types, OutgoingRequest: AuthorizedRequest },
  "wasi:http/outgoing-handler": { handle },
  "connector:plugin/log": { write: (level, message) => console.error(`${level}: ${message}`) },
  "connector:plugin/credentials": { ready, renew },
  "connector:plugin/budget": { settle: () => {} },
  "connector:plugin/directory": {
    holds: (ids) => ids.map((id) => users.has(id) || groups.has(id)),
    seen: (stream) => BigInt((stream === "users" ? users : groups).size),
  },
};

const outDir = resolve(dirname(summaryFile), "transpiled");
const { files } = await transpile(plugin, {
  name: "plugin", outDir, instantiation: "async", emitTypescriptDeclarations: false,
});
await writeFiles(files);
const { instantiate } = await import(pathToFileURL(resolve(outDir, "plugin.js")));
const modules = new Map(); // compiled once, instantiated often
async function module(name) {
  if (!modules.has(name)) modules.set(name, await WebAssembly.compile(await readFile(resolve(outDir, name))));
  return modules.get(name);
}
const instance = async () => (await instantiate(module, imports)).hooks;

// ---------------------------------------------------------------- the run

// Faults tell who must act. These two kinds are the host's: wait, in a fresh instance try again.
async function patiently(hook, ...args) {
  for (let wait = 250; ; wait *= 2) {
    try {
      return (await instance())[hook](...args);
    } catch (error) {
      const { tag, val } = error.payload?.kind ?? {};
      if (!["transient", "throttled"].includes(tag) || wait > 8000) throw error;
      console.error(`${error.payload.message} Again in a moment.`);
      await sleep(Math.max(wait, Number(val ?? 0)));
    }
  }
}

async function run() {
  const hooks = await instance();
  const description = hooks.describe();
  const values = JSON.parse(await readFile(settingsFile));
  for (const { key } of description.settings.filter(({ kind }) => kind.tag === "secret")) {
    if (key in values) secrets[key] = values[key];
    delete values[key];
  }
  const settings = { values: JSON.stringify(values), secrets: Object.keys(secrets) };
  const { authentication } = hooks.connect(settings);
  if (authentication.val?.proof?.tag !== "client-secret") throw new Error("only client secrets are shown here");
  oauth = authentication.val;

  const request = { settings, map: description.maps[0], links: [], mode: "snapshot", cursor: [] };
  const checks = hooks.check(request).map(({ item, outcome, seen }) => ({ item, outcome, seen }));
  const cursor = new Map();
  const known = new Set();
  const queue = [];
  const add = (partitions) => {
    for (const partition of partitions.filter(({ key }) => !known.has(key))) {
      known.add(partition.key);
      queue.push(partition);
    }
    queue.sort((one, other) => one.stage - other.stage);
  };
  add((await patiently("plan", request)).partitions);
  while (queue.length > 0) {
    const partition = queue.shift();
    let checkpoint;
    do {
      const page = await patiently("read", request, partition, checkpoint);
      for (const { tag, val } of page.changes) changes[tag](val);
      for (const { key, value } of page.cursor) cursor.set(key, value);
      add(page.partitions);
      checkpoint = page.checkpoint;
    } while (checkpoint !== undefined);
  }
  const memberships = [...members].flatMap(([group, each]) =>
    [...each].map(([member, kind]) => ({ group, member, kind })));
  const { name, version } = description;
  const summary = { name, version, checks, users: [...users], groups: [...groups], memberships, cursor: [...cursor.keys()] };
  await writeFile(summaryFile, JSON.stringify(summary));
}

await run().catch((error) => {
  console.error(error.payload ?? error); // a fault or a list of problems, where a hook gave one
  process.exitCode = 1;
});
