import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IS_LONG } from "./support/effort.ts";
import { freePort, usePostgres } from "./support/postgres.ts";
import { createSandbox, type Sandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 180_000 };

const GUESSES = IS_LONG ? 1000 : 200;
const ALLOWED = 10;

/** The test is a trusted proxy and uses a new network for each request, so that only the account's limit applies. */
const SETTINGS = { POSTERN_TRUSTED_PROXIES: "127.0.0.1" };

const ALICE = { username: "alice", password: "right horse" };

async function createAlice(sandbox: Sandbox, environment: Record<string, string> = {}): Promise<void> {
  await sandbox.run(["createuser", ALICE.username, "--password-stdin"], { input: ALICE.password, environment });
}

async function guess({ url }: Pick<Server, "url">, number: number, guessed = { ...ALICE, password: "wrong" }) {
  const response = await fetch(`${url}/login/`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Forwarded-For": `198.51.${number >> 8}.${number & 255}` },
    body: JSON.stringify(guessed),
  });
  await response.body?.cancel();
  return response.status;
}

/** @returns the number of hashes in a server's metrics */
async function countHashes({ url }: Server): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^postern_password_queue_seconds_count (\d+)$/m.exec(metrics)?.[1]);
}

/** Sends all guesses at the same time, to each server in turn. @returns the number of answers by status */
async function race(servers: Pick<Server, "url">[]): Promise<Record<number, number>> {
  const sent = Array.from({ length: GUESSES }, (_, number) =>
    guess(servers[number % servers.length] ?? { url: "" }, number),
  );
  const counts: Record<number, number> = {};
  for (const status of await Promise.all(sent)) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function report(where: string, hashed: number): void {
  process.stdout.write(`${where}: ${GUESSES} sent at once, ${hashed} hashed, ${ALLOWED} allowed\n`);
}

describe(`${GUESSES} wrong logins at the same time on one account reach the hasher ${ALLOWED} times`, () => {
  const postgres = usePostgres(PROCESSES);

  test("at three nodes on one Postgres", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const DATABASE_URL = await postgres.createDatabase("race");
    // Enough connections, so that even on a slow machine no request waits until its 503.
    const environment = { ...SETTINGS, DATABASE_URL, POSTERN_DATABASE_POOL_SIZE: IS_LONG ? "30" : "10" };
    await createAlice(sandbox, environment);
    const servers = await Promise.all([1, 2, 3].map(() => sandbox.serve({ environment })));
    assert.deepEqual(await race(servers), { 400: ALLOWED, 429: GUESSES - ALLOWED });
    const hashes = await Promise.all(servers.map(countHashes));
    const hashed = hashes.reduce((sum, count) => sum + count);
    report(`Three nodes on Postgres (${hashes.join(" + ")})`, hashed);
    assert.equal(hashed, ALLOWED);
  });

  test("at two workers on one SQLite file, also after a restart", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await createAlice(sandbox);
    const environment = { ...SETTINGS, POSTERN_WORKERS: "2", PORT: String(await freePort()) };
    const server = await sandbox.serve({ environment });
    const answers = await race([server]);
    report("Two workers on SQLite", answers[400] ?? 0);
    assert.deepEqual(answers, { 400: ALLOWED, 429: GUESSES - ALLOWED });
    await server.stop();
    const again = await sandbox.serveInProcess(SETTINGS);
    assert.equal(await guess(again, 1, ALICE), 429);
  });
});
