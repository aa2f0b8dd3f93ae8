import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { html } from "../lib/http/html.ts";
import { preferLanguage } from "../lib/http/language.ts";
import { ownPath } from "../lib/http/target.ts";
import { isByLink } from "../lib/pipeline/link-guards.ts";
import { PAGE } from "../lib/pipeline/surface.ts";
import { ROUTES } from "../lib/routes.ts";
import type { Services } from "../lib/services.ts";
import { preferEncoding } from "../lib/site/encoding.ts";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { createClient } from "./support/client.ts";
import { repeats } from "./support/effort.ts";
import { createTestApp, MAIL } from "./support/test-app.ts";

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", Accept: "text/html,*/*;q=0.8" };
const FORM = { ...BROWSER, "Content-Type": "application/x-www-form-urlencoded" };
const PASSWORD = "right horse";

async function setUp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const user = await test.addUser({ username: "alice", password: PASSWORD, email: "alice@example.com" });
  const client = createClient(test.app);
  const send = (path: string, fields: Record<string, string>) =>
    client.send("POST", path, { headers: FORM, body: new URLSearchParams(fields).toString() });
  return { ...test, user, client, send };
}

describe("one address for browsers and programs:", () => {
  test("an endpoint for browsers is a 404 for programs", async () => {
    const { client } = await setUp({ ...MAIL, POSTERN_SIGNUP: "open" });
    await client.login("alice", PASSWORD);
    for (const { method, path, guard } of ROUTES.filter(({ surface }) => surface === PAGE)) {
      const { status } = await client.send(method, path, { headers: { "Sec-Fetch-Site": "same-origin" } });
      const others = ROUTES.some((row) => row.path === path && row.surface !== PAGE);
      assert.equal(status, others ? (isByLink(guard) ? 400 : 405) : 404, `${method} ${path}`);
    }
  });

  test("an endpoint for both answers a browser with a page and a program with JSON", async () => {
    const { client } = await setUp();
    await client.login("alice", PASSWORD);
    for (const path of ["/profile/", "/sessions/", "/activity/"]) {
      for (const headers of [{ "Sec-Fetch-Mode": "navigate" }, { Accept: "text/html" }]) {
        const page = await client.get(path, headers);
        assert.deepEqual([page.status, page.headers.get("content-type")], [200, "text/html; charset=utf-8"], path);
        assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/);
        assert.match(page.headers.get("vary") ?? "", /Accept-Language, Sec-Fetch-Mode, Accept, Cookie/);
      }
      const told = await client.get(path, { Accept: "*/*" });
      assert.deepEqual([told.status, told.headers.get("content-type")], [200, "application/json"], path);
    }
    const program = await client.send("POST", "/logout/", { headers: { "Sec-Fetch-Site": "same-origin" } });
    const browser = await client.send("POST", "/logout/", { headers: BROWSER });
    assert.deepEqual([program.status, program.headers.get("location")], [204, null]);
    assert.deepEqual([browser.status, browser.headers.get("location")], [303, "/login/?done=logout"]);
  });

  test("a fetch by a script counts as a program, and ?format=json has priority", async () => {
    const { client } = await setUp();
    const scripted = await client.get("/profile/", { "Sec-Fetch-Mode": "cors", Accept: "*/*" });
    assert.deepEqual([scripted.status, scripted.headers.get("content-type")], [403, "application/json"]);
    const asked = await client.get("/profile/?format=json", BROWSER);
    assert.deepEqual([asked.status, asked.headers.get("content-type")], [403, "application/json"]);
  });

  test("a browser without a session is redirected to the login, and back afterwards", async () => {
    const { client, send } = await setUp();
    const away = await client.get("/sessions/?a=1&b=%2F", BROWSER);
    assert.deepEqual(
      [away.status, away.headers.get("location")],
      [303, "/login/?next=%2Fsessions%2F%3Fa%3D1%26b%3D%252F"],
    );
    const back = await send("/login/", { username: "alice", password: PASSWORD, next: "/sessions/?a=1&b=%2F" });
    assert.deepEqual([back.status, back.headers.get("location")], [303, "/sessions/?a=1&b=%2F"]);
    const again = await client.get("/login/?next=/activity/", BROWSER);
    assert.deepEqual([again.status, again.headers.get("location")], [303, "/activity/"]);
  });

  test("a denied form is shown again with its status, the message and the username, but never the password", async () => {
    const { send } = await setUp();
    const denied = await send("/login/", {
      username: '"><script>',
      password: "hunter-secret",
      next: "//evil.example",
    });
    const text = await denied.text();
    assert.equal(denied.status, 400);
    assert.match(text, /That username or password is not right\./);
    assert.match(text, /value="&quot;&gt;&lt;script&gt;"/);
    assert.doesNotMatch(text, /hunter-secret|evil\.example|<script>/);
  });
});

describe("an error page", () => {
  const read = async (response: Response) => ({ status: response.status, text: await response.text() });

  test("has a link: 403 to the login, 404 to the home page, 503 to the same page", async () => {
    const { client, services } = await setUp();
    const foreign = { ...FORM, "Sec-Fetch-Site": "cross-site", Origin: "https://evil.example" };
    const denied = await read(await client.send("POST", "/login/", { headers: foreign, body: "" }));
    assert.equal(denied.status, 403);
    assert.match(denied.text, /<a class="button quiet" href="\/login\/">Go to the login<\/a>/);
    const missing = await client.get("/nowhere/", BROWSER);
    const { status, text } = await read(missing);
    assert.equal(status, 404);
    assert.match(text, /<a class="button quiet" href="\/">Go to the home page<\/a>/);
    assert(text.includes(`Reference: <code>${missing.headers.get("x-request-id")}</code>`));
    await client.login("alice", PASSWORD);
    breakDatabase(services);
    const outage = await read(await client.get("/sessions/?a=1&b=2", BROWSER));
    assert.equal(outage.status, 503);
    assert.match(outage.text, /Temporarily unavailable[\s\S]*href="\/sessions\/\?a=1&amp;b=2">Try again/);
  });

  test("keeps the navigation of a logged-in user, also on an unknown path", async () => {
    const { client } = await setUp();
    assert(!(await read(await client.get("/nowhere/", BROWSER))).text.includes("<nav>"));
    await client.login("alice", PASSWORD);
    for (const path of ["/nowhere/", "/sessions/0/", "/setup/?token=x"]) {
      const { text } = await read(await client.get(path, BROWSER));
      assert.match(text, /<nav>[\s\S]*aria-label="Profile: alice"/, path);
    }
  });

  test("is the login form if the database is unavailable, with the username and the next page", async () => {
    const { client, send, services } = await setUp();
    await client.login("alice", PASSWORD); // The form also comes if a session cannot be looked up.
    breakDatabase(services);
    const answer = await send("/login/", { username: "alice", password: PASSWORD, next: "/sessions/" });
    const { status, text } = await read(answer);
    assert.deepEqual([status, answer.headers.get("retry-after")], [503, "5"]);
    assert(!text.includes("data-session"), "says that there is no session");
    assert.match(text, /temporarily unavailable\. Try again <span[^>]*>in 5 seconds<\/span>/);
    assert.match(text, /name="next" value="\/sessions\/"[\s\S]*id="username"[^>]*value="alice"/);
  });
});

function breakDatabase(services: Services): void {
  services.db = new Proxy(services.db, {
    get: () => {
      throw new Error("database is locked");
    },
  });
}

describe("a page", () => {
  test("says how to set up if there is no user, and shows the password rule in advance", async () => {
    const { app, services } = await createTestApp({ POSTERN_PASSWORD_RULES: "nist", POSTERN_SITE_NAME: "Acme" });
    const client = createClient(app);
    const login = await (await client.get("/login/", BROWSER)).text();
    assert.match(login, /<h1>Log in to Acme<\/h1>[\s\S]*There are no users yet\.[\s\S]*<code>createsuperuser<\/code>/);
    const setUp = await (await client.get((await inviteFirstUser(services)) ?? "", BROWSER)).text();
    assert.match(setUp, /<h1>Set up Acme<\/h1>[\s\S]*marked as staff and superuser[\s\S]*At least 15 characters\./);
  });

  test("of the login names the next page", async () => {
    const { client } = await setUp();
    for (const [next, sentence] of [
      ["/sessions/?a=1", "Log in to continue to “Sessions”."],
      ["/notes/", "Log in to continue."],
    ] as const) {
      const text = await (await client.get(`/login/?next=${encodeURIComponent(next)}`, BROWSER)).text();
      assert(text.includes(sentence), next);
      assert(!text.includes("There are no users yet."));
    }
  });

  test("of the profile shows the previous login, not the current one", async () => {
    const { client, clock, app } = await setUp();
    const first = createClient(app);
    const profile = async () => (await client.get("/profile/", BROWSER)).text();
    await client.login("alice", PASSWORD);
    assert.match(await profile(), /Previous login<\/dt><dd>None on record/);
    await client.send("POST", "/logout/", { headers: BROWSER });
    await first.send("POST", "/login/", {
      json: { username: "alice", password: PASSWORD },
      headers: { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0" },
    });
    clock.advance(2 * 86_400);
    await client.login("alice", PASSWORD);
    assert.match(await profile(), /Previous login<\/dt><dd><time[^>]*>2 days ago<\/time>, Firefox on Linux/);
  });

  test("of the sessions shows a device's name from the URL only if it is known", async () => {
    const { client } = await setUp();
    await client.login("alice", PASSWORD);
    const notice = async (query: string) => {
      const text = await (await client.get(`/sessions/?done=session&${query}`, BROWSER)).text();
      return /<p class="notice"[^>]*>([^<]*)</.exec(text)?.[1];
    };
    assert.equal(await notice("browser=Firefox&system=Windows"), "Firefox on Windows is logged out.");
    for (const query of ["browser=Call+555&system=Windows", "browser=Firefox&system=evil.example", "browser=Firefox"]) {
      assert.equal(await notice(query), "The device is logged out.", query);
    }
  });
});

describe("a path to go on to", () => {
  test("stays on this origin for any text", () => {
    const soup = fc.array(
      fc.constantFrom("/", "\\", ".", "..", "%2f", "@", ":", "\t", "\n", "evil.example", "?", "#", "https"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          soup.map((parts) => `/${parts.join("")}`),
          fc.string({ unit: "binary" }),
          fc.webUrl({ withFragments: true, withQueryParameters: true }),
        ),
        (text) => {
          const path = ownPath(text);
          if (path === null) return;
          for (const own of ["https://own.example", "https://[::1]:8443", "http://localhost:8000"])
            assert.equal(new URL(path, `${own}/login/?next=x`).origin, own);
        },
      ),
      { numRuns: repeats(5000) },
    );
    for (const text of [
      "//evil.example",
      "/\\evil.example",
      "/.//evil.example",
      "/\t/evil.example",
      "https://evil.example",
      "",
      "x",
    ])
      assert.equal(ownPath(text), null, text);
    assert.equal(ownPath("/a/../b?c#d"), "/b?c#d");
  });
});

describe("markup", () => {
  test("escapes every text and attribute", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { text: markup } = html`<p title="${text}">${[text, html`<b>${text}</b>`]}</p>`;
        assert.equal(
          markup
            .replace(/&(amp|lt|gt|quot|#39);/g, "")
            .match(/[<>"']/g)
            ?.join(""),
          '<""><><><>',
        );
      }),
    );
  });
});

describe("a browser's preferences", () => {
  test("choose the language with the highest quality, by its primary tag", () => {
    for (const [header, language] of [
      [null, "en"],
      ["it-CH, en;q=0.8", "it"],
      ["en;q=0.3, it;q=0.4", "it"],
      ["fr, de", "en"],
      ["it;q=0", "en"],
      ["it;q=nonsense", "en"],
      [`${"x,".repeat(50_000)}it`, "it"],
    ] as const) {
      assert.equal(preferLanguage(header, ["en", "it"]), language, String(header).slice(0, 40));
    }
  });

  test("choose the encoding, and none with the quality 0", () => {
    for (const [header, encoding] of [
      [null, null],
      ["gzip, deflate, br, zstd", "br"],
      ["GZIP;q=0.5", "gzip"],
      ["br;q=0, gzip;q=0.000", null],
      [";;;,,,q=", null],
    ] as const) {
      assert.equal(preferEncoding(header), encoding, String(header));
    }
  });

  test("do not change the text of an asset, which is a 304 if the browser has it", async () => {
    const { client } = await setUp();
    const page = await (await client.get("/login/", BROWSER)).text();
    const paths = [...page.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, path = ""]) => path);
    assert(paths.length >= 3);
    for (const path of paths) {
      const plain = await client.get(path);
      assert.equal(plain.headers.get("cache-control"), "public, max-age=31536000, immutable");
      const packed = await client.get(path, { "Accept-Encoding": "br" });
      assert.deepEqual([packed.headers.get("content-encoding"), packed.headers.get("vary")], ["br", "Accept-Encoding"]);
      const text = await plain.text();
      const brotli = new Uint8Array(await packed.arrayBuffer());
      const gzip = await (await client.get(path, { "Accept-Encoding": "gzip" })).arrayBuffer();
      assert.deepEqual([brotliDecompressSync(brotli).toString(), gunzipSync(gzip).toString()], [text, text], path);
      assert(brotli.byteLength < text.length, path);
    }
    assert.equal((await client.get("/static/page.000000000000.css")).status, 404);
    const etag = (await client.get("/client.js")).headers.get("etag") ?? "";
    assert.equal((await client.get("/client.js", { "If-None-Match": etag })).status, 304);
  });
});
