// A login of @xmpp/client whose round trips ../round_trips.py counts: `starttls` or `direct`, then what
// the last connection does: `sasl2`, `token`, or `token-resume`.

import { setTimeout as sleep } from "node:timers/promises";
import { client, xml } from "@xmpp/client";

const [mode, login] = process.argv.slice(2);
const get = (name) => process.env[`XMPPWIRE_SERVER_${name}`];
const domain = get("DOMAIN");
const username = get("OTHER_USER");
const service = mode === "direct"
  ? `xmpps://${domain}:${get("TLS_PORT")}`
  : `xmpp://${get("ADDRESS")}:${get("PORT")}`;
const userAgent = xml("user-agent", { id: crypto.randomUUID() }, xml("software", {}, "xmpp.js"));

function make(credentials) {
  const it = client({ service, domain, username, credentials, userAgent, resource: "xmppjs" });
  it.reconnect.delay = 50;
  it.on("error", (error) => console.error(`${error}`));
  it.on("send", (element) => {
    if (element.is("authenticate")) it.mechanism = element.attrs.mechanism;
  });
  return it;
}

/** Sends the first stanza, which the count recognises by its size, and waits until it comes back. */
async function speak(it) {
  const back = new Promise((resolve) => {
    it.on("element", (element) => element.is("message") && resolve());
  });
  await it.send(xml("message", { to: `${it.jid}`, type: "chat" }, xml("body", {}, "x".repeat(12_000))));
  await back;
}

function check(condition, text) {
  if (!condition) throw new Error(text);
}

async function run() {
  const it = make({ username, password: get("OTHER_PASSWORD") });
  await it.start();
  await speak(it);
  const token = await it.fast.fetchToken();
  if (login === "token-resume") {
    const resumed = new Promise((resolve) => it.streamManagement.once("resumed", resolve));
    (it.socket.socket ?? it.socket).destroy();
    await resumed;
    await speak(it);
    check(it.mechanism === "HT-SHA-256-NONE", it.mechanism);
  }
  it.reconnect.stop();
  await it.stop();
  if (login === "token") {
    const other = make({ username, password: "not needed", token });
    await other.start();
    await speak(other);
    check(other.mechanism === "HT-SHA-256-NONE", other.mechanism);
    other.reconnect.stop();
    await other.stop();
  }
}

const late = sleep(60_000, undefined, { ref: false }).then(() => {
  throw new Error("no end after 60 s");
});
await Promise.race([run(), late]);
process.exit(0);
