import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { findUser } from "../db/users.ts";
import { ALICE, browserTest, NOT_ON_DENO, type Stage, send, useBrowser } from "./support/browser.ts";
import { codeAt, giveFactors } from "./support/factors.ts";
import { PLAIN_PAGE, startPage, startSite, VUE_PAGE } from "./support/front-end.ts";
import { freePort } from "./support/postgres.ts";
import { ROOT } from "./support/process.ts";
import { onlyOnBun } from "./support/runtime.ts";

const EXAMPLES = { "a plain page": PLAIN_PAGE, "a page with Vue": VUE_PAGE };

/** Another origin of the same site: cookies do not depend on the port (RFC 6265 §8.5). */
const OTHER_PORT = await freePort();
const OTHER_ORIGIN = `http://127.0.0.1:${OTHER_PORT}`;

const portOf = ({ origin }: Stage) => Number(new URL(origin).port);

/** Without a navigation, like a front end. */
async function fillAndClick(page: Page, password: string): Promise<void> {
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}

/** Runs code in the page, where `client` is the module. The code is text, because the compiler reads a `.js` of public/ as text. */
function run(page: Page, code: string): Promise<unknown> {
  return page.evaluate(`import("/client.js").then(async (client) => { ${code} })`);
}

/** Makes the page record the events of `/client.js`. */
function listen(page: Page): Promise<unknown> {
  return run(
    page,
    `window.told = [];
     for (const news of ["login", "logout"]) client.events.addEventListener(news, () => told.push(news));`,
  );
}

const told = (page: Page) => page.evaluate("told");

/** @returns the members of the LoginError that the call rejects with */
function denial(page: Page, call: string): Promise<unknown> {
  return run(
    page,
    `const error = await ${call}.catch((error) => error);
     if (!(error instanceof client.LoginError)) throw error;
     const { name, message, status, code, methods, errors, retryAfterSeconds } = error;
     return { name, message, status, code, methods, errors, retryAfterSeconds };`,
  );
}

for (const [name, example] of Object.entries(EXAMPLES)) {
  describe(`the documented front end as ${name}`, onlyOnBun(NOT_ON_DENO), () => {
    useBrowser();

    browserTest("logs in and out, shows the error of a failed login, and updates its other tabs", async (stage) => {
      const { page, expectStatus } = stage;
      expectStatus(400, 403); // The profile without a session is a 403, which the console reports.
      await using site = await startSite(example, portOf(stage));
      const other = await page.context().newPage();
      for (const tab of [page, other]) {
        await tab.goto(site.url);
        await tab.getByLabel("Username").waitFor();
      }
      await fillAndClick(page, "wrong");
      await page.getByRole("alert").getByText("Access denied: wrong username or password.").waitFor();
      await fillAndClick(page, ALICE.password);
      for (const tab of [page, other]) {
        await tab.getByText("Hello, alice").waitFor();
        assert.equal(await tab.getByLabel("Username").isVisible(), false);
      }
      await page.reload();
      await page.getByText("Hello, alice").waitFor();
      await other.getByRole("button", { name: "Log out" }).click();
      for (const tab of [page, other]) {
        await tab.getByLabel("Username").waitFor();
        assert.equal(await tab.getByText("Hello").isVisible(), false);
      }
    });

    browserTest("is updated by a login and a logout on Postern's own pages", async (stage) => {
      const { page, expectStatus } = stage;
      expectStatus(403);
      await using site = await startSite(example, portOf(stage));
      await page.goto(site.url);
      await page.getByLabel("Username").waitFor();
      const other = await page.context().newPage();
      await other.goto(`${site.url}/login/?next=/sessions/`);
      await logInHere(other);
      assert.equal(other.url(), `${site.url}/sessions/`);
      await page.getByText("Hello, alice").waitFor();
      await send(other, "Log out");
      await page.getByLabel("Username").waitFor();
    });
  });
}

async function logInHere(page: Page): Promise<void> {
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password", { exact: true }).fill(ALICE.password);
  await send(page, "Log in");
}

describe("/client.js", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "has a fetch that sends the CSRF token, and dispatches logout if the session has ended",
    async (stage) => {
      const { page, services, expectStatus } = stage;
      expectStatus(401, 403);
      await using site = await startSite(PLAIN_PAGE, portOf(stage));
      await page.goto(`${site.url}/login/?next=/`);
      await logInHere(page);
      await page.getByText("Hello, alice").waitFor();
      await listen(page);
      const ask = (method: string) => run(page, `return (await client.fetch("/api/", { method: "${method}" })).status`);
      assert.equal(await ask("POST"), 200);
      const token = (await page.context().cookies()).find(({ name }) => name === "csrftoken")?.value;
      assert.equal(site.asked.at(-1)?.headers["x-csrftoken"], token);
      // A 401 for another reason: the session is alive.
      assert.equal(await ask("GET"), 401);
      assert.equal(site.asked.at(-1)?.headers["x-csrftoken"], undefined);
      assert.deepEqual(await told(page), []);
      await services.db.deleteFrom("sessions").execute();
      assert.equal(await ask("GET"), 401);
      assert.deepEqual(await told(page), ["logout"]);
      await page.getByLabel("Username").waitFor();
    },
  );

  browserTest("throws a LoginError with the errors of each field", async (stage) => {
    const { page, expectStatus } = stage;
    expectStatus(400, 403);
    await using site = await startSite(PLAIN_PAGE, portOf(stage));
    await page.goto(site.url);
    const denied = (username: string) => denial(page, `client.login("${username}", "wrong")`);
    const rest = { name: "LoginError", status: 400, code: null, methods: [], retryAfterSeconds: null };
    const blank = "This field may not be blank.";
    assert.deepEqual(await denied(""), { ...rest, message: blank, errors: { username: [blank] } });
    const wrong = "Access denied: wrong username or password.";
    assert.deepEqual(await denied("alice"), { ...rest, message: wrong, errors: { non_field_errors: [wrong] } });
  });

  browserTest("goes on with a second factor, if the LoginError asks for one", async (stage) => {
    const { page, clock, expectStatus } = stage;
    expectStatus(400, 403);
    const alice = await findUser(stage.services.db, "alice");
    const { secret } = await giveFactors(stage, alice ?? assert.fail("no alice"));
    await using site = await startSite("<!doctype html><title>Empty</title>", portOf(stage));
    await page.goto(site.url);
    await listen(page);
    const detail = "A second factor is required.";
    assert.deepEqual(await denial(page, `client.login("alice", "${ALICE.password}")`), {
      name: "LoginError",
      message: detail,
      status: 403,
      code: "second_factor_required",
      methods: ["totp", "recovery_code"],
      errors: { non_field_errors: [detail] },
      retryAfterSeconds: null,
    });
    assert.deepEqual(await told(page), []);
    assert.deepEqual(Object(await denial(page, 'client.secondFactor("000000")')).errors, {
      code: ["This code is not valid."],
    });
    await run(page, `await client.secondFactor("${codeAt(secret, clock.now)}", { remember: true })`);
    assert.deepEqual(await told(page), ["login"]);
    assert.equal(Object(await run(page, "return client.profile()")).username, "alice");
  });

  browserTest("dispatches each login and logout once, in this tab and in another", async (stage) => {
    const { page, expectStatus } = stage;
    expectStatus(403);
    await using site = await startSite("<!doctype html><title>Empty</title>", portOf(stage));
    const other = await page.context().newPage();
    for (const tab of [page, other]) {
      await tab.goto(site.url);
      await listen(tab);
    }
    assert.equal(await run(page, "return client.profile()"), null);
    const profile = await run(page, `await client.login("alice", "${ALICE.password}"); return client.profile()`);
    assert.deepEqual(profile, { username: "alice", email: "", first_name: "", last_name: "" });
    await run(other, "await client.profile(); await client.logout()");
    await page.waitForFunction("told.length >= 2");
    for (const tab of [page, other]) assert.deepEqual(await told(tab), ["login", "logout"]);
  });

  browserTest(
    "logs in and out from another origin of the site, if configure names the server",
    async ({ page, origin, expectStatus }) => {
      expectStatus(403);
      await using site = await startPage("<!doctype html><title>Notes</title>", OTHER_PORT);
      await page.goto(site.url);
      const results = await page.evaluate(`import("${origin}/client.js").then(async (client) => {
        client.configure({ server: "${origin}" });
        const results = [await client.profile()];
        await client.login("alice", "${ALICE.password}");
        results.push((await client.profile()).username);
        await client.logout();
        return [...results, await client.profile()];
      })`);
      assert.deepEqual(results, [null, "alice", null]);
    },
    { environment: { POSTERN_TRUSTED_ORIGINS: OTHER_ORIGIN } },
  );

  browserTest("exports exactly the names in its types", async ({ page }) => {
    const types = readFileSync(join(ROOT, "public/client.d.ts.txt"), "utf8");
    const named = [...types.matchAll(/^export (?:class|const|function) (\w+)/gm)].map(([, name]) => name);
    await page.goto("/login/");
    assert.deepEqual(await run(page, "return Object.keys(client)"), named.sort());
  });
});
