import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { createForwarding, IDENTITY_HEADERS, identityHeaders, type Original, PROXIES } from "./support/forwarding.ts";

const NGINX = { "X-Original-Method": "GET", "X-Original-URL": "https://app.test/" };
const CADDY = {
  "X-Forwarded-Method": "GET",
  "X-Forwarded-Proto": "https",
  "X-Forwarded-Host": "app.test",
  "X-Forwarded-Uri": "/",
};

/** Every header that a proxy sends, with values that are missing, doubled or malformed. */
const MALFORMED: [path: string, headers: Record<string, string>, changes: Record<string, (string | null)[]>][] = [
  [
    "/auth/nginx/",
    NGINX,
    {
      "X-Original-Method": [null, "", "GET, GET", "GE T", "GET\u00e9", "G".repeat(41)],
      "X-Original-URL": [
        null,
        "",
        "/",
        "app.test/",
        "ftp://app.test/",
        "https://app.test",
        "https:///",
        "https://app.test?x",
        "https://app .test/",
        "https://a@app.test/",
        "https://app.test:x/",
        "https://app.test:99999/",
        "https://[::1/",
        "https://app.test/, https://app.test/",
        "https://app.test/a b",
        "constructor://app.test/",
      ],
    },
  ],
  [
    "/auth/caddy/",
    CADDY,
    {
      "X-Forwarded-Method": [null, "", "GET, POST", "GET/"],
      "X-Forwarded-Proto": [null, "", "https, http", "gopher", "constructor"],
      "X-Forwarded-Host": [null, "", "app.test, evil.test", "a/b", "a@b", "app.test:99999", "é.test"],
      "X-Forwarded-Uri": [null, "", "notes", "/a, /b", "/a b", "https://app.test/"],
    },
  ],
  [
    "/auth/envoy/notes",
    { "X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https", Host: "app.test" },
    { "X-Forwarded-Method": [null, "GET, GET"], "X-Forwarded-Proto": [null, "x"] },
  ],
];

function claimsOf(response: Response): Record<string, unknown> {
  const [, payload = ""] = (response.headers.get("Postern-Assertion") ?? "").split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString());
}

describe("a proxy's question", () => {
  test("with a missing, doubled or malformed header is answered 400 with the header's name", async () => {
    const { browser, app } = await createForwarding();
    for (const [path, whole, changes] of MALFORMED) {
      const right = await browser.send("GET", path, { headers: whole });
      assert.equal(right.status, 200, path);
      for (const [name, values] of Object.entries(changes)) {
        for (const value of values) {
          const headers = Object.fromEntries(
            Object.entries({ ...whole, [name]: value }).filter(([, value]) => value !== null),
          );
          for (const client of [browser, createClient(app, "login.test", "127.0.0.1")]) {
            const response = await client.send("GET", path, { headers: headers as Record<string, string> });
            assert.equal(response.status, 400, `${path} ${name}: ${value}`);
            const { detail } = await response.json();
            assert.equal(detail, `The proxy must send the header ${name} with the original request.`);
            for (const header of IDENTITY_HEADERS) assert.equal(response.headers.has(header), false);
          }
        }
      }
    }
  });

  test("may be about any host and path that a client can send", async () => {
    const { ask } = await createForwarding();
    for (const url of [
      "https://app.test:8443/",
      "http://[2001:db8::1]:8080/",
      "https://my_app.internal/",
      "https://APP.test/%00%ff?a=%",
      "https://app.test/..%5c..%2fauth/",
      "https://app.test/é",
      `https://app.test/${"x".repeat(8192)}`,
      `https://app.test/?${"a=1&".repeat(16_000)}`,
    ]) {
      for (const proxy of ["nginx", "caddy"]) {
        assert.equal((await ask(proxy, { url })).status, 200, `${proxy} ${url.slice(0, 60)}`);
        const anonymous = await ask(proxy, { url, headers: { "Sec-Fetch-Mode": "navigate" } }, { isAnonymous: true });
        assert([303, 401].includes(anonymous.status));
        assert((anonymous.headers.get("Location") ?? "").length < 2100);
      }
    }
  });

  test("about an ambiguous path is denied at Envoy, which appends the path: 404", async () => {
    const { ask } = await createForwarding();
    for (const path of ["/a/..;/b", "/..%2f..%2flogin/", "/%zz"]) {
      assert.equal((await ask("envoy", { url: `https://app.test${path}` })).status, 404, path);
    }
  });

  test("from an address that is no trusted proxy is denied with a sentence, even with a session", async () => {
    const { app, browser } = await createForwarding({ POSTERN_TRUSTED_PROXIES: "10.0.0.0/8" });
    const [cookies] = [[...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ")];
    for (const [address, status] of [
      ["192.0.2.1", 403],
      ["", 403],
      ["10.1.2.3", 200],
      ["::1", 200],
    ] as const) {
      const client = createClient(app, "login.test", address);
      const response = await client.get("/auth/nginx/", { ...NGINX, Cookie: cookies });
      assert.equal(response.status, status, address);
      if (status === 200) continue;
      const detail = "This is not a trusted proxy. If it is yours, add its address to POSTERN_TRUSTED_PROXIES.";
      assert.deepEqual(await response.json(), { detail });
      for (const name of IDENTITY_HEADERS) assert.equal(response.headers.has(name), false);
    }
  });

  test("is not influenced by identity headers of the client", async () => {
    const { ask } = await createForwarding();
    const forged = { ...Object.fromEntries(IDENTITY_HEADERS.map((name) => [name, "admin"])), "X-Original-URI": "/x" };
    for (const proxy of Object.keys(PROXIES)) {
      const own = identityHeaders(await ask(proxy));
      assert.deepEqual(identityHeaders(await ask(proxy, { headers: forged })), own);
      const anonymous = await ask(proxy, { headers: forged }, { isAnonymous: true, conditions: "anonymous=allow" });
      for (const [name, value] of Object.entries(identityHeaders(anonymous))) assert.equal(value, "", name);
    }
  });

  test("with an identity header of the client that has an underscore or a dot is denied: servers read it as the proxy's", async () => {
    const { ask } = await createForwarding();
    for (const proxy of Object.keys(PROXIES)) {
      for (const identity of IDENTITY_HEADERS) {
        for (const header of [
          identity.replace("-", "_"),
          identity.replace("-", "_").toUpperCase(),
          identity.replace("-", "."),
        ]) {
          const response = await ask(proxy, { headers: { [header]: "admin" } });
          assert.equal(response.status, 400, `${proxy} ${header}`);
          assert.match((await response.json()).detail, / is denied: an application may read it as /);
        }
      }
    }
  });

  test("lets the client choose no condition, if the proxy adds the client's query to its own", async () => {
    const { ask, addToGroup } = await createForwarding();
    await addToGroup("editors");
    const foreign = { method: "POST", headers: { "Sec-Fetch-Site": "cross-site" } };
    for (const proxy of Object.keys(PROXIES).filter((name) => name !== "envoy")) {
      const askWith = (sent: string, own = "", original: Original = {}, isAnonymous = false) => {
        const conditions = [own, sent.split("#", 1)[0]].filter((query) => query !== "").join("&");
        return ask(proxy, { ...original, url: `https://app.test/?${sent}` }, { conditions, isAnonymous });
      };
      assert.equal((await askWith("anonymous=allow", "", {}, true)).status, 401);
      assert.equal((await askWith("anonymous=allow#x", "", {}, true)).status, 401);
      assert.equal((await askWith("&anonymous=%61llow", "", {}, true)).status, 401);
      assert.equal((await askWith("csrf=off", "", foreign)).status, 403);
      assert.equal((await askWith("csrf=off&", "csrf=off", foreign)).status, 403);
      assert.equal((await askWith("group=editors", "group=writers")).status, 403);
      assert.equal((await askWith("max_age=999999999", "max_age=600")).status, 200);
      assert.equal((await askWith("factors=2", "factors=2")).status, 403);
      // A page whose query is that of the auth URL, by chance.
      assert.equal((await askWith("group=editors")).status, 200);
      assert.equal((await askWith("group=writers")).status, 403);
      const { aud } = claimsOf(await askWith("aud=https://evil.test"));
      assert.equal(aud, "https://app.test");
      const response = await askWith("page=2");
      assert.equal(response.status, 400);
      assert.match((await response.json()).detail, /^The auth URL must end with its own query/);
    }
  });

  test("without its conditions understood lets nothing through", async () => {
    const { ask } = await createForwarding();
    for (const proxy of Object.keys(PROXIES)) {
      assert.equal((await ask(proxy, {}, { conditions: "grp=x" })).status, 400, proxy);
    }
  });
});

test("a name with control characters and any script arrives in one header, as UTF-8", async () => {
  const { app, services, alice } = await createForwarding();
  const first_name = "Zo\u00eb\r\nRemote-User: admin\u0001\u0085";
  await services.db
    .updateTable("users")
    .set({ first_name, last_name: "\u99ac \ud83d\udc34" })
    .where("id", "=", alice.id)
    .execute();
  const client = createClient(app, "login.test", "127.0.0.1");
  await client.login("alice", "right horse");
  const response = await client.get("/auth/");
  assert.equal(response.headers.get("Remote-User"), "alice");
  const name = Buffer.from(response.headers.get("Remote-Name") ?? "", "latin1").toString("utf8");
  assert.equal(name, "Zo\u00eb  Remote-User: admin   \u99ac \ud83d\udc34");
});

test("a name that ends with a byte like a space arrives whole", async () => {
  const { app, addUser } = await createForwarding();
  await addUser({ username: "admin\u00e0", password: "right horse", lastName: "Libert\u00e0" });
  const client = createClient(app, "login.test", "127.0.0.1");
  await client.login("admin\u00e0", "right horse");
  const { headers } = await client.get("/auth/");
  for (const [name, value] of [
    ["Remote-User", "admin\u00e0"],
    ["Remote-Name", "Libert\u00e0"],
  ] as const) {
    assert.equal(Buffer.from(headers.get(name) ?? "", "latin1").toString("utf8"), value);
  }
});

test("an audience is one of the server's origins, and no longer than an origin can be", async () => {
  const { browser, ask } = await createForwarding({ POSTERN_TRUSTED_ORIGINS: "http://app.test" });
  assert.equal((await browser.get("/auth/?aud=http://app.test")).status, 200);
  assert.equal((await browser.get("/auth/?aud=http://login.test")).status, 200);
  assert.equal((await browser.get("/auth/?aud=http://bank.test")).status, 400);
  const long = `${"a".repeat(300)}.test`;
  assert.equal((await ask("caddy", {}, { conditions: `aud=https://${long}` })).status, 400);
  assert.equal((await ask("caddy", { url: `https://${long}/` })).status, 400);
});

test("GET /auth/ has no other method", async () => {
  const { browser } = await createForwarding();
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    const response = await browser.send(method, "/auth/", { headers: { "Sec-Fetch-Site": "same-origin" } });
    assert.equal(response.status, 405, method);
  }
});

test("a proxy that asks with another method gets the same answers: an OPTIONS request lets nothing through", async () => {
  const { browser, app } = await createForwarding();
  const anonymous = createClient(app, "login.test", "127.0.0.1");
  for (const [path, headers] of [
    ["/auth/nginx/", NGINX],
    ["/auth/caddy/", CADDY],
    ["/auth/traefik/", CADDY],
    ["/auth/haproxy/", CADDY],
  ] as const) {
    for (const method of ["OPTIONS", "POST", "DELETE", "HEAD"]) {
      assert.equal((await anonymous.send(method, path, { headers })).status, 401, `${method} ${path}`);
      assert.equal((await browser.send(method, `${path}?group=editors`, { headers })).status, 403);
      assert.equal((await browser.send(method, path, { headers })).status, 200);
    }
  }
});
