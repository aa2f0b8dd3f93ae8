import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { wireText } from "../lib/http/message.ts";
import { createLog } from "../lib/observability/log.ts";
import { judgePassword } from "../lib/passwords/password-rules.ts";
import { createClient } from "./support/client.ts";
import { freePort } from "./support/postgres.ts";
import { PADDED_PASSWORD, sha1, startRangeService } from "./support/range-service.ts";
import { createTestApp } from "./support/test-app.ts";

const ALICE = { username: "alice", email: "", firstName: "", lastName: "", hasSecondFactor: false };

const BREACHED = "speak friend and enter";

const SENTENCE = "This password has appeared in a data breach and must not be used.";

/** Like a page of the same origin. */
const OURS = { "Sec-Fetch-Site": "same-origin" };

/** @returns the validation errors and the log lines */
async function judge(service: string, password: string, rules = "asvs") {
  const config = parseConfig({ POSTERN_PASSWORD_RULES: rules, POSTERN_BREACHED_PASSWORDS: service });
  const logged: string[] = [];
  const log = createLog(
    (line) => logged.push(line),
    () => 0,
  );
  const judged = await judgePassword({ config, log }, password, ALICE);
  return { errors: typeof judged === "string" ? [] : judged.map(wireText), logged };
}

describe("with POSTERN_BREACHED_PASSWORDS", () => {
  test("a breached password is a validation error with all rules, after the other errors", async () => {
    await using service = await startRangeService([BREACHED, "alice1"]);
    assert.deepEqual(await judge(service.url, BREACHED), { errors: [SENTENCE], logged: [] });
    assert.deepEqual(await judge(service.url, BREACHED, "none"), { errors: [SENTENCE], logged: [] });
    const { errors } = await judge(service.url, "alice1");
    assert.equal(errors.length, 4);
    assert.equal(errors.at(-1), SENTENCE);
  });

  test("another password is accepted, also if its hash is in the padding", async () => {
    await using service = await startRangeService([BREACHED]);
    for (const password of ["Speak friend and enter", "friend, speak and enter", PADDED_PASSWORD]) {
      assert.deepEqual(await judge(service.url, password), { errors: [], logged: [] });
    }
  });

  test("the service receives 5 digits of the hash and a request for padding", async () => {
    await using service = await startRangeService([]);
    await judge(service.url, "pässwörd 馬 🐴");
    const path = `/range/${sha1("pässwörd 馬 🐴").slice(0, 5)}`;
    assert.deepEqual(service.requests, [{ path, padding: "true" }]);
  });

  test("the service is not asked about a blank, overlong or NUL password", async () => {
    await using service = await startRangeService([]);
    for (const password of ["", "x\0y", "x".repeat(4097)]) await judge(service.url, password);
    assert.deepEqual(service.requests, []);
  });

  test("the service is not asked at a change of the password that the throttle denies", async () => {
    await using service = await startRangeService([BREACHED]);
    const { app, addUser, close } = await createTestApp({ POSTERN_BREACHED_PASSWORDS: service.url });
    await addUser({ username: "alice", password: "right horse" });
    const client = createClient(app);
    await client.login("alice", "right horse");
    const change = async (current_password: string, new_password: string) =>
      (await client.post("/password/change/", { current_password, new_password }, OURS)).status;
    assert.equal(await change("right horse", BREACHED), 400);
    assert.equal(service.requests.length, 1);
    let status = 400;
    while (status === 400) status = await change("wrong", "cyan giraffe umbrella");
    assert.equal(status, 429);
    const before = service.requests.length;
    assert.equal(await change("right horse", BREACHED), 429);
    assert.equal(service.requests.length, before);
    await close();
  });

  for (const [what, answer, reason] of [
    ["an error", (response) => response.writeHead(503).end("down"), "status 503"],
    ["silence", () => {}, "TimeoutError"],
    ["half an answer", (response) => response.writeHead(200).write(`${sha1(BREACHED).slice(5)}:3\r\n`), "TimeoutError"],
  ] as [string, (response: ServerResponse) => void, string][]) {
    test(`${what} from the service is logged, and the password is accepted`, async () => {
      await using service = await startRangeService([BREACHED], answer);
      const start = performance.now();
      const { errors, logged } = await judge(service.url, BREACHED);
      assert(performance.now() - start < 3000);
      assert.deepEqual(errors, []);
      assertLogged(logged, reason);
    });
  }

  test("an unreachable service is logged, and the password is accepted", async () => {
    const { errors, logged } = await judge(`http://127.0.0.1:${await freePort()}`, BREACHED);
    assert.deepEqual(errors, []);
    assertLogged(logged);
  });
});

/** Asserts one log line that holds no part of the password or its hash. */
function assertLogged(logged: string[], reason?: string): void {
  assert.equal(logged.length, 1);
  const line = logged[0] ?? "";
  const { level, event, ...fields }: Record<string, unknown> = JSON.parse(line);
  assert.deepEqual({ level, event }, { level: "warning", event: "breached_passwords_unavailable" });
  assert.deepEqual(Object.keys(fields).sort(), ["reason", "time"]);
  if (reason !== undefined) assert.equal(fields["reason"], reason);
  assert(!line.includes("friend") && !line.toUpperCase().includes(sha1(BREACHED).slice(0, 5)));
}
