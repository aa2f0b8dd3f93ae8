import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAssertions } from "./support/assertions.ts";
import type { Client } from "./support/client.ts";
import { MISSING_OF_DJANGO } from "./support/django.ts";
import { useSite } from "./support/django-site.ts";
import { onlyInFaults } from "./support/effort.ts";
import { IDENTITY_HEADERS } from "./support/forwarding.ts";
import { onlyWith } from "./support/proxies.ts";

const PROCESSES = { timeout: 180_000 };

const ANONYMOUS = { username: "", name: "", email: "", groups: [] };

/** The views of the application (`fixtures/django/urls.py`). Two of them need a user, and answer this without one. */
const STATUS_WITHOUT_USER = { plain: 200, headers: 403, verified: 401 } as const;

const VIEWS = ["plain", "headers", "verified"] as const;

const alice = { username: "alice", name: "Alice Liddell", email: "alice@example.com", groups: ["writers"] };

/** Who Django says the user is, without the claims. */
async function factsOf(response: Response): Promise<unknown> {
  assert.equal(response.status, 200);
  const { username, name, email, groups } = await response.json();
  return { username, name, email, groups };
}

const missing = MISSING_OF_DJANGO === "" ? "" : `, which did not run: ${MISSING_OF_DJANGO} is not installed`;

const visitsOf = async (browser: Client) => (await (await browser.get("/open/plain/")).json()).visits;

for (const proxy of ["nginx", "caddy"] as const) {
  const skip = onlyInFaults("Django behind a proxy").skip || onlyWith(proxy).skip;
  describe(`Django behind ${proxy}${missing}`, { skip: skip || missing !== "" }, () => {
    const site = useSite(proxy, PROCESSES);

    test("has the user who logged in at Postern, with name, email and groups in any script", PROCESSES, async () => {
      const user = { username: "zoë", name: "Zoë van 马", email: "zoe@example.com", groups: ["Köche", "editors"] };
      const browser = await site.logIn(user);
      for (const view of VIEWS) assert.deepEqual(await factsOf(await browser.get(`/notes/${view}/`)), user, view);
      const { claims } = await (await browser.get("/notes/verified/")).json();
      assert.deepEqual(
        [claims.preferred_username, claims.email, claims.groups.toSorted()],
        [user.username, user.email, user.groups],
      );
      assert(browser.cookies.has("app_sessionid"));
      assert.equal((await browser.get("/profile/")).status, 200); // Django's cookies replace none of Postern's.
    });

    test("has a change of groups, name and email at the next request", PROCESSES, async () => {
      const browser = await site.logIn({ ...alice, username: "changing" });
      for (const view of VIEWS) {
        const groupsNow = async () => (await (await browser.get(`/notes/${view}/`)).json()).groups;
        assert.deepEqual(await groupsNow(), ["writers"]);
        await site.joinGroup("changing", view);
        assert.deepEqual(await groupsNow(), [view, "writers"]);
        await site.run(["edituser", "changing", "--remove-group", view]);
        assert.deepEqual(await groupsNow(), ["writers"]);
      }
      await site.run(["edituser", "changing", "--last-name", "", "--email", "", "--remove-group", "writers"]);
      const facts = await factsOf(await browser.get("/notes/plain/"));
      assert.deepEqual(facts, { username: "changing", name: "Alice", email: "", groups: [] });
    });

    test("is anonymous at the request after the logout, though its own cookie is still there", PROCESSES, async () => {
      for (const view of VIEWS) {
        const browser = await site.logIn({ ...alice, username: `leaving-${view}` });
        assert.equal(await visitsOf(browser), 1);
        assert.equal(await visitsOf(browser), 2);
        assert.equal((await browser.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" })).status, 204);
        assert(browser.cookies.has("app_sessionid"));
        assert.equal((await browser.get(`/notes/${view}/`)).status, 401, view);
        const open = await browser.get(`/open/${view}/`);
        assert.equal(open.status, STATUS_WITHOUT_USER[view], view);
        if (open.ok) assert.deepEqual(await factsOf(open), ANONYMOUS);
        else assert.equal(await visitsOf(browser), 1); // Django's session has ended too.
      }
    });

    test("is anonymous if the proxy sends no header at all", PROCESSES, async () => {
      const browser = await site.logIn({ ...alice, username: "direct" });
      assert.deepEqual(await factsOf(await browser.get("/open/plain/")), { ...alice, username: "direct" });
      const cookie = `app_sessionid=${browser.cookies.get("app_sessionid")}`;
      assert.deepEqual(await factsOf(await site.django().get("/open/plain/", { Cookie: cookie })), ANONYMOUS);
    });

    test("has another user in the same browser after a new login, with a new session", PROCESSES, async () => {
      const browser = await site.logIn({ ...alice, username: "first" });
      await visitsOf(browser);
      await site.addUser({ ...alice, username: "second", groups: [] });
      await browser.login("second", site.password);
      assert.deepEqual(await factsOf(await browser.get("/notes/plain/")), { ...alice, username: "second", groups: [] });
      assert.equal(await visitsOf(browser), 2);
    });

    test("does not believe an identity header of the browser", PROCESSES, async () => {
      const user = { ...alice, username: "forging" };
      const browser = await site.logIn(user);
      const forgeries = IDENTITY_HEADERS.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]);
      for (const name of [...forgeries, ...forgeries.map((name) => name.replace("-", "_"))]) {
        for (const view of VIEWS) {
          const forged = { [name]: "admin" };
          const own = await browser.get(`/notes/${view}/`, forged);
          const anonymous = await site.browser().get(`/open/${view}/`, forged);
          assert.deepEqual(await factsOf(own), user, name);
          assert.equal(anonymous.status, STATUS_WITHOUT_USER[view]);
          if (anonymous.ok) assert.deepEqual(await factsOf(anonymous), ANONYMOUS, name);
        }
      }
    });

    test("denies another site's form before Django, and Django's own without Django's token", PROCESSES, async () => {
      const browser = await site.logIn({ ...alice, username: "posting" });
      const token = await (await browser.get("/notes/form/")).text();
      const post = async (path: string, headers: Record<string, string>) =>
        (await browser.post(path, {}, headers)).status;
      const own = { "Sec-Fetch-Site": "same-origin" };
      const foreign = { "Sec-Fetch-Site": "cross-site", "X-CSRFToken": token };
      assert.equal(await post("/notes/form/", { ...own, "X-CSRFToken": token }), 200);
      assert.equal(await post("/notes/form/", own), 403);
      assert.equal(await post("/notes/headers/", own), 200);
      const before = site.output().length;
      for (const view of ["form", "headers"]) assert.equal(await post(`/notes/${view}/`, foreign), 403);
      assert.equal(site.output().slice(before), ""); // Django logs each 403 of its own.
    });

    describe("with the assertion class, past the proxy", () => {
      const ask = async (headers: Record<string, string>) =>
        (await site.django().get("/notes/verified/", headers)).status;

      test("accepts an assertion of Postern for this application", PROCESSES, async () => {
        const browser = await site.logIn({ ...alice, username: "signed" });
        const { assertion } = await (await browser.get("/notes/plain/")).json();
        assert.equal(await ask({ "Postern-Assertion": assertion }), 200);
      });

      test("denies every other assertion, and identity headers alone", PROCESSES, async () => {
        const { valid, invalid } = await createAssertions(site.origin, site.origin);
        const forged = { "Remote-User": "admin", "Remote-Groups": "admins", "Remote-Email": "admin@example.com" };
        assert.equal(await ask(forged), 401);
        for (const [what, assertion] of Object.entries(invalid)) {
          assert.equal(await ask({ ...forged, "Postern-Assertion": assertion }), 401, what);
        }
        assert.equal(await ask({ "Postern-Assertion": valid }), 200);
      });
    });
  });
}
