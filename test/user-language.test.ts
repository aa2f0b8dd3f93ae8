import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findUser } from "../db/users.ts";
import { type Client, createClient } from "./support/client.ts";
import { createTestApp, type TestApp } from "./support/test-app.ts";

const OURS = { "Sec-Fetch-Site": "same-origin" };
const ALICE = { username: "alice", password: "right horse" };

async function logIn({ app }: TestApp, headers: Record<string, string>): Promise<Client> {
  const client = createClient(app);
  assert.equal((await client.send("POST", "/login/", { json: ALICE, headers })).status, 202);
  return client;
}

describe("the language of a user", () => {
  const languageOf = async ({ services }: TestApp) => (await findUser(services.db, "alice"))?.language;

  test("is that of the last login which names one that has texts", async () => {
    const test = await createTestApp();
    await test.addUser(ALICE);
    for (const [header, language] of [
      ["de", ""],
      ["it-CH, en;q=0.5", "it"],
      ["*", "it"],
      [null, "it"],
      ["de, fr;q=0.9", "it"],
      ["it;q=0", "it"],
      ["<script>, it'--", "it"],
      ["fr, en-GB;q=0.2", "en"],
    ] as const) {
      await logIn(test, header === null ? OURS : { ...OURS, "Accept-Language": header });
      assert.equal(await languageOf(test), language, String(header));
    }
  });

  test("is not changed by a failed login, a page or a session", async () => {
    const test = await createTestApp();
    await test.addUser({ ...ALICE, language: "en" });
    const client = await logIn(test, OURS);
    const headers = { ...OURS, "Accept-Language": "it" };
    await client.get("/profile/", headers);
    await client.send("POST", "/login/", { json: { username: "alice", password: "wrong" }, headers });
    assert.equal(await languageOf(test), "en");
  });
});
