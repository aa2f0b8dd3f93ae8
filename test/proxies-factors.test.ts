import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findUser } from "../db/users.ts";
import { startSite } from "./support/behind-proxy.ts";
import { codeAt, giveFactors } from "./support/factors.ts";
import { onlyWith, snippet } from "./support/proxies.ts";
import type { RawAnswer } from "./support/raw-client.ts";

const PROCESSES = { timeout: 60_000 };

const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", Accept: "text/html" };
const SCRIPT = { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", Accept: "application/json" };
const FORM = {
  ...NAVIGATION,
  "Sec-Fetch-Site": "same-origin",
  "Content-Type": "application/x-www-form-urlencoded",
};

const cookiesOf = ({ headers }: RawAnswer) => ({
  Cookie: headers
    .getSetCookie()
    .map((line) => line.split(";", 1)[0])
    .join("; "),
});

const locationOf = ({ status, headers }: RawAnswer) => [status, headers.get("Location")];

for (const name of ["nginx", "caddy", "haproxy"] as const) {
  const withConditions = (code: string) =>
    code.replace(RegExp(`/auth/${name}/[?]?`), `/auth/${name}/?factors=2&max_age=600`);

  describe(`behind ${name}, a page that needs a second factor`, onlyWith(name), () => {
    test("is led to its set-up, then to a proof by it, and opens after that", PROCESSES, async () => {
      await using site = await startSite(name, withConditions);
      const { clock, services } = site.testApp;
      const cookies = await site.logIn();
      const open = (headers: Record<string, string>) => site.ask("/notes/", { headers });
      assert.deepEqual(locationOf(await open({ ...NAVIGATION, ...cookies })), [303, "/security/"]);
      const user = await findUser(services.db, "alice");
      assert(user);
      const { secret } = await giveFactors(site.testApp, user);
      const script = await open({ ...SCRIPT, ...cookies });
      assert.deepEqual([script.status, JSON.parse(script.body).code], [403, "second_factor_required"]);
      const location = "/reauth/?next=%2Fnotes%2F&factors=2";
      assert.deepEqual(locationOf(await open({ ...NAVIGATION, ...cookies })), [303, location]);
      assert.match((await site.ask(location, { headers: { ...NAVIGATION, ...cookies } })).body, /name="code"/);
      const body = new URLSearchParams({ code: codeAt(secret, clock.now), next: "/notes/", factors: "2" }).toString();
      const proved = await site.ask("/reauth/", { method: "POST", headers: { ...FORM, ...cookies }, body });
      assert.deepEqual(locationOf(proved), [303, "/notes/"]);
      assert.equal((await open({ ...NAVIGATION, ...cookiesOf(proved) })).status, 200);
      assert.equal((await open({ ...SCRIPT, ...cookies })).status, 401, "the former token");
    });
  });
}

describe("nginx with other conditions for each host, configured as documented,", onlyWith("nginx"), () => {
  const asDocumented = (code: string) =>
    `${snippet("nginx", 1)}\n${code.replace(/^ +set \$question .*\n/m, snippet("nginx", 2))}`;

  test("asks for a second factor at one host alone", PROCESSES, async () => {
    await using site = await startSite("nginx", asDocumented);
    const cookies = await site.logIn();
    const open = (Host: string) => site.ask("/notes/", { headers: { ...SCRIPT, ...cookies, Host } });
    assert.equal((await open("example.com")).status, 200);
    const denied = await open("admin.example.com");
    assert.deepEqual([denied.status, JSON.parse(denied.body).code], [403, "second_factor_required"]);
    assert.equal((await open("ADMIN.example.com")).status, 403);
    assert.equal((await open("admin.example.com:80")).status, 403);
  });
});
