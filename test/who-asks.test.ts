import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listLiveSessions } from "../db/sessions.ts";
import { parseConfig } from "../lib/config/load.ts";
import { lifetime } from "../lib/session/lifetime.ts";
import { createTestApp } from "./support/test-app.ts";

const LOGIN = { username: "alice", password: "right horse" };

/** Sends requests from a chosen peer. */
async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser(LOGIN);
  const send = (address: string, method: string, target: string, headers: Record<string, string>) => {
    const body = method === "POST" ? JSON.stringify(LOGIN) : null;
    const request = new Request(`http://postern.test${target}`, {
      method,
      headers: { Host: "postern.test", "Content-Type": "application/json", ...headers },
      body,
    });
    return test.app(request, { address });
  };
  const events = () => test.logged.map((line): Record<string, unknown> => JSON.parse(line));
  /** @returns the client address in the log */
  const clientOf = async (address: string, forwardedFor: string) => {
    await send(address, "GET", "/profile/", { "X-Forwarded-For": forwardedFor });
    return events().at(-1)?.["client"];
  };
  return { ...test, user, send, events, clientOf };
}

const PROXIES = { POSTERN_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, ::1, fd00::/8" };

describe("X-Forwarded-For", () => {
  test("is trusted from a trusted proxy only", async () => {
    const { clientOf } = await setUp(PROXIES);
    assert.equal(await clientOf("10.1.2.3", "203.0.113.9"), "203.0.113.9");
    assert.equal(await clientOf("fd00::5", "2001:DB8:0::1"), "2001:db8::1");
    assert.equal(await clientOf("11.1.2.3", "203.0.113.9"), "11.1.2.3");
    assert.equal(await clientOf("fe80::1%eth0", "203.0.113.9"), "fe80::1");
    assert.equal(await clientOf("", "203.0.113.9"), "");
  });

  test("is read from the right, so that the client's own entries are ignored", async () => {
    const { clientOf } = await setUp(PROXIES);
    assert.equal(await clientOf("10.0.0.1", "127.0.0.1, 198.51.100.7, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
    assert.equal(await clientOf("10.0.0.1", "10.9.9.9, 10.0.0.2"), "10.9.9.9", "only proxies");
    assert.equal(await clientOf("10.0.0.1", ""), "10.0.0.1");
  });

  test("ends at the last valid entry", async () => {
    const { clientOf } = await setUp(PROXIES);
    for (const junk of ["unknown", "_hidden", "203.0.113.9 x", "203.0.113.256", "0x7f.1", "01.2.3.4", "<script>", ""]) {
      assert.equal(await clientOf("10.0.0.1", `203.0.113.9, ${junk}, 10.0.0.2`), "10.0.0.2", junk);
      assert.equal(await clientOf("10.0.0.1", `203.0.113.9, ${junk}`), "10.0.0.1", junk);
    }
  });

  test("may have ports and brackets", async () => {
    const { clientOf } = await setUp(PROXIES);
    assert.equal(await clientOf("10.0.0.1", "203.0.113.9:4711, 10.0.0.2:80"), "203.0.113.9");
    assert.equal(await clientOf("10.0.0.1", "[2001:db8::1]:4711"), "2001:db8::1");
    assert.equal(await clientOf("10.0.0.1", "[2001:db8::1]"), "2001:db8::1");
  });

  test("and the peer may have IPv4-mapped IPv6 addresses, which count as IPv4", async () => {
    const { clientOf } = await setUp(PROXIES);
    assert.equal(await clientOf("::ffff:10.0.0.1", "::ffff:203.0.113.9"), "203.0.113.9");
    assert.equal(await clientOf("0:0:0:0:0:FFFF:0a00:0001", "::ffff:cb00:7109"), "203.0.113.9");
    assert.equal(await clientOf("::ffff:11.0.0.1", "203.0.113.9"), "11.0.0.1");
    const { clientOf: mapped } = await setUp({ POSTERN_TRUSTED_PROXIES: "::ffff:10.0.0.0/104" });
    assert.equal(await mapped("10.200.0.1", "203.0.113.9"), "203.0.113.9");
    assert.equal(await mapped("11.0.0.1", "203.0.113.9"), "11.0.0.1");
  });

  test("of thousands of entries is read correctly", async () => {
    const { clientOf } = await setUp(PROXIES);
    assert.equal(await clientOf("10.0.0.1", `203.0.113.9, ${"10.0.0.2, ".repeat(5000)}10.0.0.3`), "203.0.113.9");
  });

  test("is stored in the session", async () => {
    const { send, services, user } = await setUp(PROXIES);
    await send("10.0.0.1", "POST", "/login/", { "X-Forwarded-For": "203.0.113.9" });
    const [session] = await listLiveSessions(services.db, user.id, lifetime(services), {
      after: null,
      exceptId: null,
      limit: 1,
    });
    assert.equal(session?.ip, "203.0.113.9");
  });

  test("in the form of RFC 7239 is not read", async () => {
    const { send, events } = await setUp(PROXIES);
    await send("10.0.0.1", "GET", "/profile/", { Forwarded: "for=203.0.113.9;host=evil.test;proto=https" });
    assert.equal(events().at(-1)?.["client"], "10.0.0.1");
  });
});

describe("X-Forwarded-Host", () => {
  const PUBLIC = { ...PROXIES, PUBLIC_URL: "https://login.example.com" };

  test("from a trusted proxy replaces the Host, which must be the public one", async () => {
    const { send } = await setUp(PUBLIC);
    const status = async (peer: string, host: string) =>
      (await send(peer, "GET", "/profile/", { "X-Forwarded-Host": host })).status;
    assert.equal(await status("10.0.0.1", "login.example.com"), 403);
    assert.equal(await status("10.0.0.1", "evil.test"), 400);
    assert.equal(await status("10.0.0.1", "login.example.com/x"), 400, "not a host");
    assert.equal(await status("192.0.2.1", "login.example.com"), 400, "not trusted, and the Host differs");
  });

  test("that a client sent is ignored if the proxies added theirs", async () => {
    const { send } = await setUp(PUBLIC);
    const headers = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.test, login.example.com" };
    assert.equal((await send("10.0.0.1", "GET", "/profile/", headers)).status, 403);
    const forged = { ...headers, "X-Forwarded-Host": "login.example.com, evil.test" };
    assert.equal((await send("10.0.0.1", "GET", "/profile/", forged)).status, 400);
  });

  test("determines the own origin", async () => {
    const { send } = await setUp(PROXIES);
    const from = async (peer: string, origin: string) => {
      const headers = { "X-Forwarded-Host": "app.example.com", Origin: origin };
      return (await send(peer, "POST", "/login/", headers)).status;
    };
    assert.equal(await from("10.0.0.1", "https://app.example.com"), 202);
    assert.equal(await from("10.0.0.1", "http://postern.test"), 403);
    assert.equal(await from("192.0.2.1", "https://app.example.com"), 403);
    assert.equal(await from("192.0.2.1", "http://postern.test"), 202);
  });
});

describe("X-Forwarded-Proto", () => {
  test("https from a trusted proxy makes the own origin https only, and the cookies Secure", async () => {
    const { send } = await setUp(PROXIES);
    const headers = { "X-Forwarded-Proto": "HTTPS", Origin: "https://postern.test" };
    const right = await send("10.0.0.1", "POST", "/login/", headers);
    assert.equal(right.status, 202);
    const cookies = right.headers.getSetCookie();
    assert.deepEqual(
      cookies.map((line) => line.split("=", 1)[0]),
      ["csrftoken", "sessionid", "devicecookie"],
    );
    for (const line of cookies) assert.match(line, /; Secure(;|$)/);
    const wrong = await send("10.0.0.1", "POST", "/login/", { ...headers, Origin: "http://postern.test" });
    assert.equal(wrong.status, 403);
    const logout = await send("10.0.0.1", "POST", "/logout/", headers);
    for (const line of logout.headers.getSetCookie()) assert.match(line, /; Secure(;|$)/);
  });

  test("from an untrusted peer, or with another value, is ignored", async () => {
    const { send } = await setUp(PROXIES);
    for (const [peer, scheme] of [
      ["192.0.2.1", "https"],
      ["10.0.0.1", "http"],
      ["10.0.0.1", "https\u00a0x"],
    ] as const) {
      const headers = { "X-Forwarded-Proto": scheme, Origin: "http://postern.test" };
      const response = await send(peer, "POST", "/login/", headers);
      assert.equal(response.status, 202);
      for (const line of response.headers.getSetCookie()) assert.doesNotMatch(line, /Secure/);
    }
  });

  test("does not override PUBLIC_URL", async () => {
    const { send } = await setUp({ ...PROXIES, PUBLIC_URL: "http://postern.test" });
    const headers = { "X-Forwarded-Proto": "https", Origin: "http://postern.test" };
    const response = await send("10.0.0.1", "POST", "/login/", headers);
    assert.equal(response.status, 202);
    for (const line of response.headers.getSetCookie()) assert.doesNotMatch(line, /Secure/);
  });
});

test("an untrusted proxy is logged once, with the setting to change", async () => {
  const { send, events } = await setUp();
  await send("192.0.2.1", "GET", "/profile/", {});
  assert(!events().some(({ event }) => event === "proxy_not_trusted"));
  for (const name of ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"]) {
    await send("192.0.2.1", "GET", "/profile/", { [name]: "made-up" });
  }
  const remarks = events().filter(({ event }) => event === "proxy_not_trusted");
  assert.equal(remarks.length, 1);
  assert.equal(remarks[0]?.["peer"], "192.0.2.1");
  assert.match(String(remarks[0]?.["remark"]), /POSTERN_TRUSTED_PROXIES/);
  assert(!JSON.stringify(events()).includes("made-up"));
});

describe("POSTERN_TRUSTED_PROXIES", () => {
  test("accepts addresses and networks of IPv4 and IPv6, with spaces", () => {
    const { trustedProxies } = parseConfig({ POSTERN_TRUSTED_PROXIES: " 10.0.0.1/8 ,192.0.2.1,,fd00::/8,::1/128, " });
    for (const address of ["10.255.255.255", "192.0.2.1", "fdff::1", "::1"]) assert(trustedProxies.has(address));
    for (const address of ["11.0.0.0", "192.0.2.2", "fe00::1", "::2", ""]) assert(!trustedProxies.has(address));
    const allOfIpv4 = parseConfig({ POSTERN_TRUSTED_PROXIES: "0.0.0.0/0" }).trustedProxies;
    assert(allOfIpv4.has("203.0.113.9") && !allOfIpv4.has("2001:db8::1"));
  });

  test("denies any other text", () => {
    for (const text of ["nginx", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0 /8", "1.2.3.4:80", "*"]) {
      assert.throws(() => parseConfig({ POSTERN_TRUSTED_PROXIES: text }), /POSTERN_TRUSTED_PROXIES is/, text);
    }
  });
});
