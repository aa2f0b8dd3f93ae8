import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeBase32 } from "@oslojs/encoding";
import { LANGUAGES } from "../lib/pages/messages/messages.ts";
import { bodyOf, FORM, OURS, sendForm, useNewcomer } from "./support/authenticators.ts";
import { createClient } from "./support/client.ts";
import { PASSWORD } from "./support/factors.ts";

const BROWSER = { ...OURS, "Sec-Fetch-Mode": "navigate" };
const DEMANDED = { POSTERN_REQUIRE_SECOND_FACTOR: "all" };

/** The rows of this page that change something, as programs and browsers reach them. */
const CHANGES = [
  ["POST", "/security/authenticator/"],
  ["POST", "/security/authenticator/confirm/"],
  ["DELETE", "/security/authenticator/"],
  ["POST", "/security/recovery-codes/"],
] as const;

describe("the page Security", () => {
  test("lists the user's second factors for a program", async () => {
    await using alice = await useNewcomer({ PUBLIC_URL: "http://postern.test" });
    assert.deepEqual(await alice.security(), {
      totp: null,
      recovery_codes: 0,
      passkeys: [],
      second_factor_required: false,
      methods_available: ["totp", "passkey"],
    });
  });

  test("says since when there is an app, and when it was used", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.setUp();
    const created_at = new Date(alice.test.clock.now).toISOString();
    alice.test.clock.advance(3600);
    await alice.login("alice", PASSWORD);
    await alice.post("/login/second-factor/", { code: alice.code(setup) }, OURS);
    const last_used_at = new Date(alice.test.clock.now).toISOString();
    assert.deepEqual((await alice.security())["totp"], { created_at, last_used_at });
  });

  test("is denied without a login", async () => {
    await using alice = await useNewcomer();
    const stranger = createClient(alice.test.app);
    assert.equal((await stranger.get("/security/")).status, 403);
    for (const [method, path] of CHANGES) {
      assert.equal((await stranger.send(method, path, { headers: OURS, json: {} })).status, 403, path);
    }
    const page = await stranger.get("/security/", BROWSER);
    assert.deepEqual([page.status, page.headers.get("location")], [303, "/login/?next=%2Fsecurity%2F"]);
  });

  test("is one click from every page of a user, and from the password in the profile", async () => {
    await using alice = await useNewcomer();
    for (const path of ["/profile/", "/sessions/", "/activity/", "/password/change/"]) {
      assert.match(await (await alice.get(path, BROWSER)).text(), /<a href="\/security\/">Security<\/a>/, path);
    }
    const profile = await (await alice.get("/profile/", BROWSER)).text();
    assert.match(profile, /<section aria-labelledby="password">.*href="\/security\/".*<\/section>/s);
    assert.match(await (await alice.get("/security/", BROWSER)).text(), /href="\/security\/" aria-current="page"/);
  });

  test("speaks the reader's language", async () => {
    await using alice = await useNewcomer();
    const page = await alice.get("/security/", { ...BROWSER, "Accept-Language": "it" });
    assert.match(await page.text(), new RegExp(`<h1>${LANGUAGES.it.security}</h1>`));
  });

  test("leads back from the addresses of its forms, which a browser may load again", async () => {
    await using alice = await useNewcomer();
    for (const path of ["/security/authenticator/", "/security/authenticator/confirm/", "/security/recovery-codes/"]) {
      const answer = await alice.get(path, BROWSER);
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, "/security/"], path);
      assert([404, 405].includes((await alice.get(path)).status), "there is no such row for programs");
    }
  });
});

describe("a browser", () => {
  test("sets up an app, sees the codes, sets up another one, and removes it", async () => {
    await using alice = await useNewcomer();
    const before = alice.cookies.get("sessionid");
    const first = await openSetup();
    assert.doesNotMatch(first.page, /takes the place/);
    const confirmed = await sendForm(alice, "/security/authenticator/confirm/", first.right());
    const shown = await confirmed.text();
    assert.equal(confirmed.status, 200);
    assert.match(shown, /The authenticator app is set up\./);
    assert.equal(shown.match(/<li><code>/g)?.length, 10);
    assert.notEqual(alice.cookies.get("sessionid"), before);
    // The forms of this page belong to the new session.
    assert.match(shown, new RegExp(`name="csrfmiddlewaretoken" value="${alice.cookies.get("csrftoken")}"`));

    const second = await openSetup();
    assert.match(second.page, /takes the place/);
    const replaced = await sendForm(alice, "/security/authenticator/confirm/", second.right());
    assert.deepEqual([replaced.status, replaced.headers.get("location")], [303, "/security/?done=authenticator"]);
    const removed = await sendForm(alice, "/security/authenticator/remove/");
    assert.equal(removed.headers.get("location"), "/security/?done=authenticatorRemoved");
    assert.match(await (await alice.get("/security/?done=authenticatorRemoved", BROWSER)).text(), /app is removed/);
    assert.equal((await sendForm(alice, "/security/authenticator/remove/")).status, 404);

    async function openSetup() {
      const page = await (await sendForm(alice, "/security/authenticator/")).text();
      const [, token = ""] = /name="token" value="([^"]*)"/.exec(page) ?? [];
      const [, uri = ""] = /href="(otpauth:[^"]*)"/.exec(page) ?? [];
      const secret = decodeBase32(new URL(uri.replaceAll("&amp;", "&")).searchParams.get("secret") ?? "");
      return { page, right: () => ({ token, code: alice.code({ token, uri, secret }) }) };
    }
  });

  test("sees the same QR code after a wrong code, with an empty field", async () => {
    await using alice = await useNewcomer();
    const { token } = await alice.begin();
    const pictures: string[] = [];
    for (const code of ["000000", "abc"]) {
      const answer = await sendForm(alice, "/security/authenticator/confirm/", { token, code });
      assert.equal(answer.status, 400);
      const page = await answer.text();
      assert.match(page, /This code is not right\. Enter the code that the app shows now\./);
      assert.match(page, /<input id="code" [^>]*value="" [^>]*aria-invalid="true" autofocus>/);
      pictures.push(/<svg class="qr".*?<\/svg>/s.exec(page)?.[0] ?? "");
    }
    assert(pictures[0] && pictures[0] === pictures[1]);
    assert.match(pictures[0], /role="img" aria-label="QR code for the authenticator app"/);
  });
});

describe("a proof that is eleven minutes old", () => {
  test("allows no change; the page itself stays", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.setUp();
    alice.test.clock.advance(660);
    assert.equal((await alice.get("/security/")).status, 200);
    for (const [method, path] of CHANGES) {
      const json = { token: setup.token, code: alice.code(setup) };
      const answer = await alice.send(method, path, { headers: OURS, json });
      const { code, methods } = await bodyOf(answer);
      assert.deepEqual([answer.status, code], [403, "recent_login_required"], path);
      assert.deepEqual(methods, ["password", "totp"], path);
    }
    const { totp, recovery_codes } = await alice.security();
    assert(totp !== null && recovery_codes === 10);
  });

  test("leads a browser to a new proof, and back with a notice", async () => {
    await using alice = await useNewcomer();
    const setup = await alice.setUp();
    for (const path of ["authenticator/", "authenticator/confirm/", "authenticator/remove/", "recovery-codes/"]) {
      alice.test.clock.advance(660);
      const denied = await sendForm(alice, `/security/${path}`);
      const { pathname, searchParams } = new URL(denied.headers.get("location") ?? "", "http://postern.test");
      assert.equal(pathname, "/reauth/", path);
      const sent = { ...Object.fromEntries(searchParams), code: alice.code(setup) };
      const proved = await sendForm(alice, "/reauth/", sent);
      const back = proved.headers.get("location") ?? "";
      const page = await alice.get(back, BROWSER);
      const shown = page.status === 303 ? (page.headers.get("location") ?? "") : back;
      assert.equal(shown, "/security/?done=proved", path);
    }
  });
});

describe("a user who must have a second factor", () => {
  test("sets one up, and can go everywhere then", async () => {
    await using alice = await useNewcomer(DEMANDED);
    assert.equal((await bodyOf(await alice.get("/profile/")))["code"], "second_factor_setup_required");
    assert.equal((await alice.security())["second_factor_required"], true);
    const page = await (await alice.get("/security/", BROWSER)).text();
    assert.match(page, /This site demands a second factor/);
    assert.doesNotMatch(page, /href="\/password\/change\/"/, "that page would lead back here");
    assert.equal((await alice.post("/security/recovery-codes/", {}, OURS)).status, 403);
    assert.equal((await alice.send("DELETE", "/security/authenticator/", { headers: OURS })).status, 403);
    await alice.setUp();
    assert.equal((await alice.get("/profile/")).status, 200);
    assert.equal((await alice.security())["second_factor_required"], true);
  });

  test("has to set one up again after the last one was removed", async () => {
    await using alice = await useNewcomer(DEMANDED);
    await alice.setUp();
    const page = await (await alice.get("/security/", FORM)).text();
    assert.match(page, /this site demands one\. You have to set one up at once/);
    assert.equal((await alice.send("DELETE", "/security/authenticator/", { headers: OURS })).status, 204);
    assert.equal((await alice.get("/profile/")).status, 403);
    await alice.setUp();
    assert.equal((await alice.get("/profile/")).status, 200);
  });
});
