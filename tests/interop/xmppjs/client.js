// @xmpp/client against a server: the environment says which (XMPPWIRE_SERVER_*, see ../README.md).
//
// Every check has its own connections and its own deadline. A server without SASL2 passes the checks
// that do not need it; the last line says which were left out.

import { setTimeout as sleep } from "node:timers/promises";
import { client, xml } from "@xmpp/client";

const SECONDS = 20;
const SASL2 = "urn:xmpp:sasl:2";
const get = (name) => process.env[`XMPPWIRE_SERVER_${name}`];
const domain = get("DOMAIN");
// Juliet's password has characters that this library cannot encode: it takes text for Latin-1.
const romeo = { username: get("OTHER_USER"), password: get("OTHER_PASSWORD") };

class Skipped extends Error {}

function check(condition, text) {
  if (!condition) throw new Error(text);
}

function within(promise, what, seconds = SECONDS) {
  const late = sleep(seconds * 1000, undefined, { ref: false }).then(() => {
    throw new Error(`no ${what} after ${seconds} s`);
  });
  return Promise.race([promise, late]);
}

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));

/** A client that remembers what it saw: messages, and the elements of its last login. */
function make(account, options = {}) {
  const service = `xmpp://${get("ADDRESS")}:${get("PORT")}`;
  const { username } = account;
  const it = client({ service, domain, username, credentials: account, ...options });
  it.reconnect.delay = 50;
  it.inbox = [];
  it.sent = [];
  it.received = [];
  it.errors = [];
  it.on("error", (error) => it.errors.push(error));
  it.on("connecting", () => { it.sent = []; it.received = []; });
  it.on("send", (element) => it.sent.push(element));
  it.on("element", (element) => {
    it.received.push(element);
    if (element.is("message")) it.inbox.push(element.getChildText("body"));
  });
  return it;
}

async function logIn(it) {
  await within(it.start(), `login (${it.errors})`);
  check(it.isSecure(), "the session is not encrypted");
  check(`${it.jid}`.startsWith(`${it.options.username ?? ""}`), `bound ${it.jid}`);
  check(it.jid.resource, "no resource");
  // With SASL of RFC 6120 management starts after the client is online.
  for (let wait = 0; !it.streamManagement.id && wait < 500; wait++) await sleep(10);
  check(it.streamManagement.id, "the session cannot be resumed");
  return it;
}

async function loggedIn(account, then, options) {
  const it = make(account, options);
  try {
    await logIn(it);
    return await then(it);
  } finally {
    it.reconnect.stop();
    await it.stop().catch(() => {});
  }
}

const chat = (to, body) => xml("message", { to: `${to}`, type: "chat" }, xml("body", {}, body));
const sentOne = (it, name, ns) => it.sent.find((element) => element.is(name, ns));
const mechanism = (it) =>
  (sentOne(it, "authenticate", SASL2) ?? sentOne(it, "auth"))?.attrs.mechanism;

function needsSasl2(it) {
  if (!sentOne(it, "authenticate", SASL2)) throw new Skipped("no SASL2");
}

async function arrives(it, expected) {
  const deadline = Date.now() + SECONDS * 1000;
  while (it.inbox.length < expected.length && Date.now() < deadline) await sleep(10);
  // What comes twice comes right behind.
  await sleep(200);
  check(`${it.inbox}` === `${expected}`, `${it.inbox} instead of ${expected}`);
  it.inbox.length = 0;
}

/** The connection is just gone, as where a network fails. */
function cut(it) {
  const socket = it.socket.socket ?? it.socket;
  socket.destroy();
}

const checks = {
  "logs in": () => loggedIn(romeo, async () => {}),

  "a wrong password is refused": async () => {
    const it = make({ ...romeo, password: "wrong" });
    it.reconnect.stop();
    it.start().catch(() => {});
    const error = await within(once(it, "error"), "error");
    check(error.condition === "not-authorized", `${error}`);
    await it.stop().catch(() => {});
  },

  "one login with everything inline": () =>
    loggedIn(romeo, async (it) => {
      needsSasl2(it);
      check(!it.sent.some((element) => element.is("iq")), "an IQ was needed");
      const success = it.received.find((element) => element.is("success", SASL2));
      const bound = success.getChild("bound", "urn:xmpp:bind:0");
      check(bound?.getChild("enabled", "urn:xmpp:sm:3"), `${success}`);
      check(it.jid.resource.startsWith("xmppjs"), `${it.jid}`);
    }, { resource: "xmppjs" }),

  "messages to itself and to another": () =>
    loggedIn(romeo, (one) =>
      loggedIn(romeo, async (other) => {
        const texts = ["plain", "a < b && c > d", "你好 \u{1F639}", "long ".repeat(2000)];
        for (const text of texts) await one.send(chat(other.jid, text));
        await arrives(other, texts);
        for (const text of texts) await one.send(chat(one.jid, text));
        await arrives(one, texts);
      })),

  "a session continues after its connection is cut": () =>
    loggedIn(romeo, (one) =>
      loggedIn(romeo, async (other) => {
        await one.send(chat(other.jid, "1"));
        await other.send(chat(one.jid, "a"));
        await arrives(other, ["1"]);
        await arrives(one, ["a"]);
        const jid = `${one.jid}`;
        for (let round = 0; round < 5; round++) {
          const resumed = once(one.streamManagement, "resumed");
          // Sent and not confirmed, and lost or not.
          one.send(chat(other.jid, `${round}-last`)).catch(() => {});
          cut(one);
          await other.send(chat(one.jid, `${round}-while-away`));
          await within(resumed, "resumption");
          check(`${one.jid}` === jid, `${one.jid} instead of ${jid}`);
          await one.send(chat(other.jid, `${round}-again`));
          await arrives(one, [`${round}-while-away`]);
          await arrives(other, [`${round}-last`, `${round}-again`]);
        }
      })),

  "a session that the server does not know is replaced": () =>
    loggedIn(romeo, async (one) => {
      const failed = once(one, "online");
      one.streamManagement.id = "no-such-session";
      cut(one);
      await within(failed, "new session");
      await one.send(chat(one.jid, "new"));
      await arrives(one, ["new"]);
    }),

  "a token logs in without the password": async () => {
    const userAgent = xml("user-agent", { id: crypto.randomUUID() }, xml("software", {}, "xmpp.js"));
    const saved = await loggedIn(romeo, async (it) => {
      needsSasl2(it);
      if (!it.fast.mechanism) throw new Skipped("no FAST");
      return it.fast.fetchToken();
    }, { userAgent });
    check(saved?.token && saved.mechanism === "HT-SHA-256-NONE", `${JSON.stringify(saved)}`);
    const withToken = { username: romeo.username, password: "not needed", token: saved };
    await loggedIn(withToken, async (it) => {
      check(mechanism(it) === "HT-SHA-256-NONE", mechanism(it));
      await it.send(chat(it.jid, "by token"));
      await arrives(it, ["by token"]);
    }, { userAgent });
  },

  "a wrong token leads to the password": async () => {
    const expiry = new Date(Date.now() + 86_400_000).toISOString();
    const token = { token: "no-such-token", mechanism: "HT-SHA-256-NONE", expiry };
    await loggedIn({ ...romeo, token }, async (it) => {
      needsSasl2(it);
      if (!it.fast.mechanism) throw new Skipped("no FAST");
      const tried = it.sent.filter((element) => element.is("authenticate", SASL2));
      const names = tried.map((element) => element.attrs.mechanism);
      check(`${names}` === "HT-SHA-256-NONE,SCRAM-SHA-1", names);
    });
  },

  "a closed session is not resumed": () =>
    loggedIn(romeo, async (it) => {
      const first = it.streamManagement.id;
      it.reconnect.stop();
      await it.stop();
      await logIn(it);
      check(it.streamManagement.id !== first, "the same session");
    }),
};

let passed = 0, failed = 0;
const skipped = [];
for (const [name, run] of Object.entries(checks)) {
  try {
    await within(run(), "end", 2 * SECONDS);
    passed++;
  } catch (error) {
    if (error instanceof Skipped) {
      skipped.push(`${name}: ${error.message}`);
      continue;
    }
    failed++;
    console.log(`FAILED ${name}: ${process.env.XMPPJS_DEBUG ? error.stack : error.message}`);
  }
}
for (const name of skipped) console.log(`left out: ${name}`);
if (get("NEEDS_ALL") && skipped.length > 0) failed += skipped.length;
console.log(`xmppjs: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
