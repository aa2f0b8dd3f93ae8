import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codeAt, giveFactors } from "./support/factors.ts";
import { ALICE, createForwarding, IDENTITY_HEADERS, PROXIES } from "./support/forwarding.ts";

const SETTINGS = { PUBLIC_URL: "https://login.test", POSTERN_TRUSTED_ORIGINS: "https://app.test" };
const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", Accept: "text/html" };
const SCRIPT = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "application/json" };
const OURS = { "Sec-Fetch-Site": "same-origin" };

const BACK = "next=https%3A%2F%2Fapp.test%2Fnotes%2F%3Fpage%3D2";
const TWO = { conditions: "factors=2" };

const statusOfRedirect = (proxy: string) => (proxy === "nginx" ? 401 : 303);

async function bodyOf(answer: Response): Promise<unknown> {
  return { status: answer.status, ...(await answer.json()) };
}

for (const proxy of Object.keys(PROXIES)) {
  describe(`a page that needs a second factor, behind ${proxy},`, () => {
    test("leads a user who has one to a proof by it, and then opens", async () => {
      const { ask, browser, clock, ...testApp } = await createForwarding(SETTINGS);
      const { secret } = await giveFactors(testApp, testApp.alice);
      const script = await ask(proxy, { headers: SCRIPT }, TWO);
      assert.deepEqual(await bodyOf(script), {
        status: 403,
        detail: "A second factor is required.",
        code: "second_factor_required",
        login_url: "https://login.test/reauth/?factors=2",
      });
      for (const name of IDENTITY_HEADERS) assert.equal(script.headers.has(name), false, name);
      const page = await ask(proxy, { headers: NAVIGATION }, TWO);
      const location = page.headers.get("Location");
      assert.deepEqual(
        [page.status, location],
        [statusOfRedirect(proxy), `https://login.test/reauth/?${BACK}&factors=2`],
      );
      // The password would lead back here for ever.
      const reauth = await (await browser.get(`/reauth/?${BACK}&factors=2`, NAVIGATION)).text();
      assert.doesNotMatch(reauth, /name="password"/);
      assert.equal((await browser.post("/reauth/", { password: ALICE.password }, OURS)).status, 204);
      assert.equal((await ask(proxy, { headers: SCRIPT }, TWO)).status, 403);
      assert.equal((await browser.post("/reauth/", { code: codeAt(secret, clock.now) }, OURS)).status, 204);
      assert.equal((await ask(proxy, { headers: SCRIPT }, TWO)).status, 200);
    });

    test("leads a user who has none to its set-up", async () => {
      const { ask } = await createForwarding(SETTINGS);
      const script = await ask(proxy, { headers: SCRIPT }, TWO);
      assert.deepEqual([script.status, (await script.json()).login_url], [403, "https://login.test/security/"]);
      const page = await ask(proxy, { headers: NAVIGATION }, TWO);
      const location = page.headers.get("Location");
      assert.deepEqual([page.status, location], [statusOfRedirect(proxy), "https://login.test/security/"]);
    });

    test("leads a browser without a session to the login", async () => {
      const { ask } = await createForwarding(SETTINGS);
      const page = await ask(proxy, { headers: NAVIGATION }, { ...TWO, isAnonymous: true });
      assert.deepEqual(
        [page.status, page.headers.get("Location")],
        [statusOfRedirect(proxy), `https://login.test/login/?${BACK}`],
      );
    });
  });

  describe(`a user who has to set up a second factor first, behind ${proxy},`, () => {
    const DEMANDED = { ...SETTINGS, POSTERN_REQUIRE_SECOND_FACTOR: "all" };

    test("is not logged in to an application", async () => {
      const { ask } = await createForwarding(DEMANDED);
      const script = await ask(proxy, { headers: SCRIPT });
      assert.deepEqual(await bodyOf(script), {
        status: 403,
        detail: "Set up a second factor first.",
        code: "second_factor_setup_required",
        login_url: "https://login.test/security/",
      });
      const page = await ask(proxy, { headers: NAVIGATION });
      const location = page.headers.get("Location");
      assert.deepEqual([page.status, location], [statusOfRedirect(proxy), "https://login.test/security/"]);
      for (const name of IDENTITY_HEADERS) assert.equal(page.headers.has(name), false, name);
    });

    test("is anonymous to an application that lets everyone in", async () => {
      const { ask } = await createForwarding(DEMANDED);
      const answer = await ask(proxy, { headers: SCRIPT }, { conditions: "anonymous=allow" });
      assert.equal(answer.status, 200);
      for (const name of IDENTITY_HEADERS) assert.equal(answer.headers.get(name), "", name);
    });
  });
}

describe("GET /auth/", () => {
  test("says how and when the user was proved, and so does the assertion", async () => {
    const { browser, clock, ...testApp } = await createForwarding(SETTINGS);
    const { secret } = await giveFactors(testApp, testApp.alice);
    clock.advance(3600);
    await browser.post("/reauth/", { code: codeAt(secret, clock.now) }, OURS);
    const answer = await browser.get("/auth/");
    const { amr, proved_at, logged_in_at } = await answer.json();
    assert.deepEqual(amr, ["pwd", "otp", "mfa"]);
    assert.equal(Date.parse(proved_at) - Date.parse(logged_in_at), 3_600_000);
    const [, claims = ""] = (answer.headers.get("Postern-Assertion") ?? "").split(".");
    const { amr: signed, auth_time } = JSON.parse(Buffer.from(claims, "base64url").toString());
    assert.deepEqual([signed, auth_time], [amr, Math.floor(clock.now / 1000)]);
  });

  test("has a condition for a second factor, and asks once if the proof is too old as well", async () => {
    const { browser, clock, ...testApp } = await createForwarding(SETTINGS);
    const { secret } = await giveFactors(testApp, testApp.alice);
    clock.advance(3600);
    const ask = () => browser.get("/auth/?factors=2&max_age=600");
    assert.deepEqual((await (await ask()).json()).login_url, "https://login.test/reauth/?factors=2");
    await browser.post("/reauth/", { code: codeAt(secret, clock.now) }, OURS);
    assert.equal((await ask()).status, 200);
    clock.advance(601);
    assert.deepEqual((await (await ask()).json()).login_url, "https://login.test/reauth/");
  });

  test("tells a user who has to set up a second factor first so", async () => {
    const { browser } = await createForwarding({ POSTERN_REQUIRE_SECOND_FACTOR: "all" });
    assert.deepEqual(await bodyOf(await browser.get("/auth/")), {
      status: 403,
      detail: "Set up a second factor first.",
      code: "second_factor_setup_required",
      login_url: "/security/",
    });
  });

  test("takes no proof from the future, beyond the difference of clocks", async () => {
    const { ask, browser, clock } = await createForwarding();
    const url = "https://app.test/?max_age=999999999";
    clock.advance(-11);
    assert.equal((await browser.get("/auth/?max_age=600")).status, 403);
    assert.equal((await ask("caddy", { url }, { conditions: "max_age=600&max_age=999999999" })).status, 403);
    clock.advance(1);
    assert.equal((await browser.get("/auth/?max_age=600")).status, 200);
  });
});

test("GET /login/?max_age= still shows its form to a user whose proof is too old", async () => {
  const { browser, clock } = await createForwarding();
  const page = () => browser.get("/login/?max_age=600&next=/sessions/", NAVIGATION);
  clock.advance(600);
  assert.deepEqual([(await page()).status, (await page()).headers.get("location")], [303, "/sessions/"]);
  clock.advance(1);
  assert.equal((await page()).status, 200);
});
