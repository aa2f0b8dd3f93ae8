import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRemoteJWKSet, customFetch, decodeProtectedHeader, jwtVerify } from "jose";
import { deriveKeys, generateSecretKey, parseSecretKeys } from "../lib/crypto/keys.ts";
import { createAssertions } from "../lib/forward/assertion.ts";
import type { Services } from "../lib/services.ts";
import { createClient } from "./support/client.ts";
import { ALICE, createForwarding, IDENTITY_HEADERS, identityHeaders } from "./support/forwarding.ts";

describe("GET /auth/", () => {
  test("answers the user's identity, in the body and in headers", async () => {
    const { browser, alice, addToGroup, clock } = await createForwarding();
    for (const name of ["editors", "admins", "Zoë"]) await addToGroup(name);
    clock.advance(30);
    const response = await browser.get("/auth/");
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      id: alice.id,
      username: "alice",
      email: "alice@example.com",
      email_verified: false,
      first_name: "Alice",
      last_name: "Liddell",
      groups: ["Zoë", "admins", "editors"],
      is_staff: false,
      is_superuser: false,
      logged_in_at: "2026-01-01T00:00:00.000Z",
      proved_at: "2026-01-01T00:00:00.000Z",
      amr: ["pwd"],
      expires_at: "2026-01-15T00:00:00.000Z",
    });
    const { "Postern-Assertion": assertion, ...others } = identityHeaders(response);
    assert.match(assertion ?? "", /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.deepEqual(others, {
      "Remote-User": "alice",
      "Remote-Id": String(alice.id),
      "Remote-Name": "Alice Liddell",
      "Remote-Email": "alice@example.com",
      "Remote-Groups": "ZoÃ«,admins,editors", // UTF-8, one character a byte.
    });
  });

  test("answers 401 in JSON without a session, also to a browser that navigates", async () => {
    const { app } = await createForwarding();
    for (const headers of [{}, { "Sec-Fetch-Mode": "navigate" }, { Accept: "text/html" }]) {
      const response = await createClient(app).get("/auth/", headers);
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("WWW-Authenticate"), 'Cookie form-action="/login/"');
      assert.deepEqual(await response.json(), {
        detail: "Authentication credentials were not provided.",
        code: "not_authenticated",
        login_url: "/login/",
      });
      for (const name of IDENTITY_HEADERS) assert.equal(response.headers.has(name), false, name);
    }
  });

  test("answers 401 from the request after the logout on", async () => {
    const { browser } = await createForwarding();
    const stolen = new Map(browser.cookies);
    assert.equal((await browser.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" })).status, 204);
    for (const [name, value] of stolen) browser.cookies.set(name, value);
    assert.equal((await browser.get("/auth/")).status, 401);
  });

  test("counts as use of the session, like every request of its user", async () => {
    const { browser, clock } = await createForwarding({ POSTERN_SESSION_IDLE_SECONDS: "3600" });
    for (let hours = 0; hours < 3; hours++) {
      clock.advance(3000);
      assert.equal((await browser.get("/auth/")).status, 200);
    }
  });

  test("and the key set accept any Host from this machine and from a trusted proxy, else their own", async () => {
    const { app } = await createForwarding({
      PUBLIC_URL: "https://login.test",
      POSTERN_TRUSTED_PROXIES: "10.0.0.0/8",
    });
    for (const [host, address, status] of [
      ["app.test", "127.0.0.1", 401],
      ["10.0.0.5:8000", "10.1.2.3", 401],
      ["login.test", "192.0.2.1", 401],
      ["app.test", "192.0.2.1", 400],
    ] as const) {
      const client = createClient(app, host, address);
      assert.equal((await client.get("/auth/")).status, status, `${host} from ${address}`);
      assert.equal((await client.get("/.well-known/jwks.json")).status, status === 401 ? 200 : status);
    }
  });

  test("does not change what the tutorial's profile answers", async () => {
    const { browser } = await createForwarding();
    const profile = await (await browser.get("/profile/")).json();
    assert.deepEqual(Object.keys(profile), ["username", "email", "first_name", "last_name"]);
  });
});

describe("a condition of an auth URL", () => {
  test("group: the user must be in one of the groups", async () => {
    const { browser, addToGroup } = await createForwarding();
    const denied = await browser.get("/auth/?group=editors");
    assert.equal(denied.status, 403);
    assert.deepEqual(await denied.json(), {
      detail: "You do not have permission to perform this action.",
      code: "permission_denied",
    });
    await addToGroup("editors");
    assert.equal((await browser.get("/auth/?group=editors")).status, 200);
    assert.equal((await browser.get("/auth/?group=admins&group=editors")).status, 200);
    assert.equal((await browser.get("/auth/?group=admins")).status, 403);
    assert.equal((await browser.get("/auth/?group=Editors")).status, 403);
  });

  test("staff: the user must be staff", async () => {
    const { app, browser, addUser } = await createForwarding();
    assert.equal((await browser.get("/auth/?staff")).status, 403);
    await addUser({ ...ALICE, username: "bob", isStaff: true });
    const bob = createClient(app);
    await bob.login("bob", ALICE.password);
    assert.equal((await bob.get("/auth/?staff")).status, 200);
  });

  test("max_age: the last proof must not be older than that", async () => {
    const { browser, clock } = await createForwarding({ PUBLIC_URL: "http://login.test" });
    clock.advance(600);
    assert.equal((await browser.get("/auth/?max_age=600")).status, 200);
    clock.advance(1);
    const denied = await browser.get("/auth/?max_age=600");
    assert.equal(denied.status, 403);
    assert.deepEqual(await denied.json(), {
      detail: "The login is too old for this. Log in again.",
      code: "recent_login_required",
      login_url: "http://login.test/reauth/",
    });
    const proof = { password: ALICE.password };
    assert.equal((await browser.post("/reauth/", proof, { "Sec-Fetch-Site": "same-origin" })).status, 204);
    assert.equal((await browser.get("/auth/?max_age=600")).status, 200);
    clock.advance(601);
    await browser.login(ALICE.username, ALICE.password);
    assert.equal((await browser.get("/auth/?max_age=600")).status, 200);
  });

  test("anonymous=allow: without a session, every identity header is there and empty", async () => {
    const { app } = await createForwarding();
    const response = await createClient(app).get("/auth/?anonymous=allow");
    assert.equal(response.status, 200);
    const { id, username, groups } = await response.json();
    assert.deepEqual({ id, username, groups }, { id: null, username: "", groups: [] });
    for (const [name, value] of Object.entries(identityHeaders(response))) assert.equal(value, "", name);
  });

  test("that is misspelt or malformed lets nothing through: 400 with a sentence", async () => {
    const { browser } = await createForwarding();
    for (const [query, detail] of [
      ["gruop=editors", "gruop is no parameter of an auth URL. Did you mean group?"],
      ["?group=x", "?group is no parameter of an auth URL. Did you mean group?"],
      ["__proto__=x", "__proto__ is no parameter of an auth URL."],
      ["group=", "The parameter group of the auth URL is malformed. Expected: the name of a group."],
      ["staff=yes", "The parameter staff of the auth URL is malformed. Expected: no value."],
      ["max_age=0", /max_age .* Expected: seconds, a whole number from 1 to 999999999\.$/],
      ["max_age=1e3", /^The parameter max_age /],
      ["anonymous=yes", /^The parameter anonymous .* Expected: allow\.$/],
      ["csrf=on", /^The parameter csrf .* Expected: off\.$/],
      ["aud=app", /^The parameter aud .* Expected: an origin such as /],
      ["aud=https://app.test/", /^The parameter aud /],
      ["aud=https://me@app.test", /^The parameter aud /],
      ["aud=javascript:alert(1)", /^The parameter aud /],
      ["factors=1", /^The parameter factors .* Expected: 2\.$/],
      ["factors", /^The parameter factors /],
      ["anonymous=allow&factors=2", /^The parameter anonymous /],
      ["anonymous=allow&group=x", /^The parameter anonymous .* no group, staff, factors or max_age beside it\.$/],
      [`${"x".repeat(5000)}=1`, `${"x".repeat(40)} is no parameter of an auth URL.`],
    ] as const) {
      const response = await browser.get(`/auth/?${query}`);
      assert.equal(response.status, 400, query);
      const body = await response.json();
      if (typeof detail === "string") assert.equal(body.detail, detail);
      else assert.match(body.detail, detail);
    }
  });
});

describe("an identity assertion", () => {
  /** Verifies as an application does: with the published keys. */
  async function verify(forwarding: Awaited<ReturnType<typeof createForwarding>>, token: string, audience: string) {
    const { app, clock } = forwarding;
    const keys = createRemoteJWKSet(new URL("http://login.test/.well-known/jwks.json"), {
      [customFetch]: async (url) => createClient(app, "login.test").get(new URL(url).pathname),
    });
    return jwtVerify(token, keys, { audience, issuer: "https://login.test", currentDate: new Date(clock.now) });
  }

  function servicesWithKeys(text: string, now: () => number): Pick<Services, "keys" | "assertions"> {
    const keys = deriveKeys(parseSecretKeys(text) ?? []);
    return { keys, assertions: createAssertions(keys.assertion, now) };
  }

  const PUBLIC = { PUBLIC_URL: "https://login.test", POSTERN_TRUSTED_ORIGINS: "https://app.test" };

  test("verifies with the published keys, for one audience and a minute", async () => {
    const forwarding = await createForwarding(PUBLIC);
    const { browser, alice, clock, addToGroup } = forwarding;
    await addToGroup("editors");
    const response = await browser.get("/auth/?aud=https://app.test");
    const token = response.headers.get("Postern-Assertion") ?? "";
    const { payload } = await verify(forwarding, token, "https://app.test");
    const [session] = await (await browser.get("/sessions/")).json();
    const at = clock.now / 1000;
    assert.deepEqual(payload, {
      iss: "https://login.test",
      aud: "https://app.test",
      sub: String(alice.id),
      preferred_username: "alice",
      email: "alice@example.com",
      email_verified: false,
      groups: ["editors"],
      sid: session.id,
      auth_time: at,
      amr: ["pwd"],
      iat: at,
      exp: at + 60,
    });
    await assert.rejects(verify(forwarding, token, "https://other.test"), { code: "ERR_JWT_CLAIM_VALIDATION_FAILED" });
    clock.advance(61);
    await assert.rejects(verify(forwarding, token, "https://app.test"), { code: "ERR_JWT_EXPIRED" });
  });

  test("is signed once in 20 seconds for a session and an audience, and again if a fact changes", async () => {
    const origins = "https://other.test, https://third.test";
    const { browser, clock, addToGroup } = await createForwarding({ POSTERN_TRUSTED_ORIGINS: origins });
    const ask = async (query = "") => (await browser.get(`/auth/${query}`)).headers.get("Postern-Assertion");
    const first = await ask();
    clock.advance(19);
    assert.equal(await ask(), first);
    assert.notEqual(await ask("?aud=https://other.test"), first);
    const parallel = await Promise.all(Array.from({ length: 10 }, () => ask("?aud=https://third.test")));
    assert.equal(new Set(parallel).size, 1);
    clock.advance(1);
    const second = await ask();
    assert.notEqual(second, first);
    await addToGroup("editors");
    assert.notEqual(await ask(), second);
  });

  test("names its key, and the key set has no secret part", async () => {
    const { app, browser } = await createForwarding();
    const { kid, alg } = decodeProtectedHeader((await browser.get("/auth/")).headers.get("Postern-Assertion") ?? "");
    const response = await createClient(app).get("/.well-known/jwks.json");
    assert.equal(response.headers.get("Content-Type"), "application/jwk-set+json");
    const { keys } = await response.json();
    assert.deepEqual(
      keys.map((key: object) => Object.keys(key).sort()),
      [["alg", "crv", "kid", "kty", "use", "x"]],
    );
    assert.deepEqual([keys[0].kid, keys[0].alg], [kid, alg]);
  });

  test("of an older secret key verifies after the rotation, and new ones are signed with the new key", async () => {
    const [newKey, oldKey] = [generateSecretKey(), generateSecretKey()];
    const before = await createForwarding(PUBLIC);
    Object.assign(before.services, servicesWithKeys(oldKey, before.services.now));
    const token = (await before.browser.get("/auth/?aud=https://app.test")).headers.get("Postern-Assertion") ?? "";
    const after = await createForwarding(PUBLIC);
    Object.assign(after.services, servicesWithKeys(`${newKey},${oldKey}`, after.services.now));
    assert.equal((await verify(after, token, "https://app.test")).payload["preferred_username"], "alice");
    const fresh = (await after.browser.get("/auth/")).headers.get("Postern-Assertion") ?? "";
    assert.notEqual(decodeProtectedHeader(fresh).kid, decodeProtectedHeader(token).kid);
    Object.assign(after.services, servicesWithKeys(newKey, after.services.now));
    await assert.rejects(verify(after, token, "https://app.test"), { code: "ERR_JWKS_NO_MATCHING_KEY" });
  });
});
