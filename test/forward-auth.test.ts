import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createForwarding, IDENTITY_HEADERS, identityHeaders, type Original, PROXIES } from "./support/forwarding.ts";

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", Accept: "text/html,*/*;q=0.8" };
const SCRIPT = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "application/json" };

const SETTINGS = {
  PUBLIC_URL: "https://login.test",
  POSTERN_TRUSTED_ORIGINS: "https://app.test, https://neighbour.test",
};

/** nginx takes 401 alone. The others pass a redirect on. */
const statusOfRedirect = (proxy: string) => (proxy === "nginx" ? 401 : 303);

for (const proxy of Object.keys(PROXIES)) {
  describe(`forward-auth for ${proxy}`, () => {
    test("lets a user through with every identity header, and an assertion for the application", async () => {
      const { ask, alice, addToGroup } = await createForwarding(SETTINGS);
      await addToGroup("editors");
      const response = await ask(proxy);
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "");
      const { "Postern-Assertion": assertion, ...others } = identityHeaders(response);
      assert.deepEqual(others, {
        "Remote-User": "alice",
        "Remote-Id": String(alice.id),
        "Remote-Name": "Alice Liddell",
        "Remote-Email": "alice@example.com",
        "Remote-Groups": "editors",
      });
      const [, payload = ""] = (assertion ?? "").split(".");
      const { aud, iss } = JSON.parse(Buffer.from(payload, "base64url").toString());
      assert.deepEqual([aud, iss], ["https://app.test", "https://login.test"]);
    });

    test("leads a browser that navigates to the login, and from there back to its page", async () => {
      const { ask } = await createForwarding(SETTINGS);
      for (const original of [
        { headers: NAVIGATION },
        { headers: { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" } }, // A browser without Fetch Metadata.
        { headers: NAVIGATION, method: "HEAD" },
      ]) {
        const response = await ask(proxy, original, { isAnonymous: true });
        assert.equal(response.status, statusOfRedirect(proxy));
        const location = "https://login.test/login/?next=https%3A%2F%2Fapp.test%2Fnotes%2F%3Fpage%3D2";
        assert.equal(response.headers.get("Location"), location);
      }
    });

    test("answers every other request without a session with 401 in JSON, and never with a redirect", async () => {
      const { ask } = await createForwarding(SETTINGS);
      const originals: Original[] = [
        { headers: SCRIPT },
        { headers: { ...SCRIPT, Accept: "text/html" } }, // htmx and the like.
        { headers: { "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", Accept: "image/*" } },
        { headers: { "Sec-Fetch-Mode": "cors", Accept: "text/event-stream" } },
        { headers: { "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-origin" } },
        { headers: { "Sec-WebSocket-Key": "x", Accept: "text/html" } },
        { headers: { "User-Agent": "curl/8.5.0", Accept: "*/*" } },
        { headers: {} },
        ...["POST", "PUT", "PATCH", "DELETE"].map((method) => ({ method, headers: { ...NAVIGATION } })),
      ];
      for (const original of originals) {
        const response = await ask(proxy, original, { isAnonymous: true });
        assert.equal(response.status, 401, JSON.stringify(original));
        assert.equal(response.headers.get("Location"), null);
        assert.deepEqual(await response.json(), {
          detail: "Authentication credentials were not provided.",
          code: "not_authenticated",
          login_url: "https://login.test/login/",
        });
      }
    });

    test("denies a user who is not in the group, also in a browser: to log in again would not help", async () => {
      const { ask, addToGroup } = await createForwarding(SETTINGS);
      const response = await ask(proxy, { headers: NAVIGATION }, { conditions: "group=editors" });
      assert.deepEqual([response.status, (await response.json()).code], [403, "permission_denied"]);
      for (const name of IDENTITY_HEADERS) assert.equal(response.headers.has(name), false, name);
      await addToGroup("editors");
      assert.equal((await ask(proxy, {}, { conditions: "group=editors" })).status, 200);
    });

    test("asks for a proof if the last one is too old", async () => {
      const { ask, clock, browser } = await createForwarding(SETTINGS);
      clock.advance(601);
      const conditions = "max_age=600";
      const script = await ask(proxy, { headers: SCRIPT }, { conditions });
      assert.deepEqual([script.status, (await script.json()).code], [403, "recent_login_required"]);
      const page = await ask(proxy, { headers: NAVIGATION }, { conditions });
      assert.equal(page.status, statusOfRedirect(proxy));
      const location = page.headers.get("Location") ?? "";
      assert.match(location, /^https:\/\/login\.test\/reauth\/\?next=https%3A%2F%2Fapp\.test%2Fnotes[^&]*$/);
      const reauth = await browser.get(location.slice("https://login.test".length), NAVIGATION);
      assert.equal(reauth.status, 200);
      const proof = { password: "right horse" };
      assert.equal((await browser.post("/reauth/", proof, { "Sec-Fetch-Site": "same-origin" })).status, 204);
      assert.equal((await ask(proxy, { headers: SCRIPT }, { conditions })).status, 200);
    });

    test("denies a request that another site may have sent, unless csrf=off", async () => {
      const { ask } = await createForwarding(SETTINGS);
      const foreign: Original[] = [
        { method: "POST", headers: { "Sec-Fetch-Site": "cross-site", Origin: "https://evil.test" } },
        { method: "DELETE", headers: { "Sec-Fetch-Site": "same-site" } },
        // A neighbour that may use Postern's own endpoints must not use this application.
        { method: "POST", headers: { "Sec-Fetch-Site": "same-site", Origin: "https://neighbour.test" } },
        { method: "POST", headers: { Origin: "https://evil.test" } },
        { method: "POST", headers: { Origin: "null" } },
        { method: "POST", headers: { Origin: "http://app.test" } },
        { method: "BREW", headers: { "Sec-Fetch-Site": "cross-site" } },
        { headers: { "Sec-WebSocket-Key": "x", Origin: "https://evil.test" } },
        { headers: { "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "cross-site" } },
      ];
      for (const original of foreign) {
        const response = await ask(proxy, original);
        assert.equal(response.status, 403, JSON.stringify(original));
        assert.match((await response.json()).detail, /^CSRF Failed: /);
        assert.equal((await ask(proxy, original, { conditions: "csrf=off" })).status, 200);
      }
    });

    test("lets the application's own requests through", async () => {
      const { ask, browser } = await createForwarding({ PUBLIC_URL: "https://login.test" });
      const token = browser.cookies.get("csrftoken") ?? "";
      for (const original of [
        { method: "POST", headers: { "Sec-Fetch-Site": "same-origin", Origin: "https://app.test" } },
        { method: "POST", headers: { Origin: "https://app.test" } },
        { method: "POST", headers: { "X-CSRFToken": token } }, // A program.
        { headers: { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" } }, // A link.
        { headers: { "Sec-WebSocket-Key": "x", Origin: "https://app.test" } },
      ]) {
        assert.equal((await ask(proxy, original)).status, 200, JSON.stringify(original));
      }
      for (const headers of [{}, { "X-CSRFToken": "wrong" }]) {
        assert.equal((await ask(proxy, { method: "POST", headers })).status, 403);
      }
    });

    test("with anonymous=allow, lets all through, and the identity headers are there and empty", async () => {
      const { ask } = await createForwarding(SETTINGS);
      const response = await ask(proxy, {}, { conditions: "anonymous=allow", isAnonymous: true });
      assert.equal(response.status, 200);
      for (const [name, value] of Object.entries(identityHeaders(response))) assert.equal(value, "", name);
    });
  });
}

describe("the way back from the login", () => {
  const ask = async (environment: Record<string, string>, url: string) => {
    const forwarding = await createForwarding(environment);
    const response = await forwarding.ask("caddy", { url, headers: NAVIGATION }, { isAnonymous: true });
    return response.headers.get("Location");
  };

  test("is a path on Postern's own origin", async () => {
    const PUBLIC_URL = "https://app.test";
    assert.equal(
      await ask({ PUBLIC_URL }, "https://app.test/notes/?a=1&b=%2F"),
      "https://app.test/login/?next=%2Fnotes%2F%3Fa%3D1%26b%3D%252F",
    );
    assert.equal(await ask({}, "http://app.test/notes/"), "/login/?next=%2Fnotes%2F");
  });

  test("leads to no other host that the settings do not trust", async () => {
    assert.equal(await ask(SETTINGS, "https://evil.test/"), "https://login.test/login/");
    assert.equal(await ask(SETTINGS, "http://app.test/"), "https://login.test/login/");
    assert.equal(await ask(SETTINGS, "https://app.test:8443/"), "https://login.test/login/");
  });

  test("loses its query if it is too long for the headers of a proxy, and then goes away", async () => {
    const long = "x".repeat(8000);
    assert.equal(await ask({}, `https://app.test/notes/?q=${long}`), "/login/?next=%2Fnotes%2F");
    assert.equal(await ask({}, `https://app.test/${long}?q=1`), "/login/");
  });

  test("is followed by the login to a trusted origin alone", async () => {
    const { app, browser, clock } = await createForwarding(SETTINGS);
    for (const [next, location] of [
      ["https://app.test/notes/?page=2#x", "https://app.test/notes/?page=2#x"],
      ["https://APP.test:443/notes", "https://app.test/notes"],
      ["https://me:secret@app.test/", "https://app.test/"],
      ["https://evil.test/", "/profile/"],
      ["https://app.test@evil.test/", "/profile/"],
      ["https://app.test.evil.test/", "/profile/"],
      ["https://evil.test\\@app.test/", "/profile/"],
      ["http://app.test/", "/profile/"],
      ["https:app.test", "/profile/"],
      ["//app.test/", "/profile/"],
      ["https://app.test:8443/", "/profile/"],
      [" https://app.test/", "/profile/"],
      ["/auth/", "/profile/"],
      ["/auth/nginx/", "/profile/"],
    ] as const) {
      const query = new URLSearchParams({ next });
      const response = await browser.get(`/login/?${query}`, NAVIGATION);
      assert.deepEqual([response.status, response.headers.get("Location")], [303, location], next);
      const body = new URLSearchParams({ username: "alice", password: "right horse", next });
      const request = new Request("https://login.test/login/", {
        method: "POST",
        headers: { Host: "login.test", ...NAVIGATION, "Content-Type": "application/x-www-form-urlencoded" },
        body,
      });
      const posted = await app(request, { address: "192.0.2.1" });
      assert.deepEqual([posted.status, posted.headers.get("Location")], [303, location], next);
    }
    // A browser applies form-action to the redirect after the form.
    clock.advance(1);
    const page = await browser.get("/login/?max_age=0&next=https://app.test/", NAVIGATION);
    assert.match(
      page.headers.get("Content-Security-Policy") ?? "",
      /; form-action 'self' https:\/\/app\.test https:\/\/neighbour\.test; /,
    );
  });
});
