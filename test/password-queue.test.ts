import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Hasher } from "../lib/passwords/hasher.ts";
import { createSemaphore } from "../lib/passwords/semaphore.ts";
import { createClient } from "./support/client.ts";
import { RIGHT } from "./support/guesses.ts";
import { until } from "./support/poll.ts";
import { createTestApp } from "./support/test-app.ts";

const LONG = { timeout: 120_000 };
const FLOODS = 7;

/** @returns an address in the /48 `site`, in a /64 of its own */
const inSite = (site: number, number: number) => `2001:db8:${site}:${(number & 65535).toString(16)}::1`;

/** The application with a queue of 8 places and one hash at a time. A flood stops the hashes until its `end`. */
async function setUp() {
  const test = await createTestApp();
  await test.addUser({ username: "alice", password: RIGHT });
  const real = test.services.hasher;
  const semaphore = createSemaphore(1, 8);
  let checks = 0;
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const check: Hasher["check"] = (password, encoded, ...rest) => {
    checks++;
    return semaphore(
      async () => {
        await gate.promise;
        return real.check(password, encoded);
      },
      ...rest,
    );
  };
  test.services.hasher = { ...real, check };
  const client = (address: string) => createClient(test.app, "postern.test", address);
  let names = 0;
  /** Sends wrong logins while no hash ends. @returns when each is in the queue or denied */
  const flood = async (addresses: string[]) => {
    gate = Promise.withResolvers();
    const before = checks;
    const sent = addresses.map((address) => client(address).login(`name${names++}`, "wrong"));
    await until("all logins have asked for a hash", () => checks === before + addresses.length);
    return {
      /** Lets the hashes end. @returns the number of answers with each status */
      end: async () => {
        gate.resolve();
        const statuses = (await Promise.all(sent)).map(({ status }) => status);
        return {
          wrong: statuses.filter((status) => status === 400).length,
          busy: statuses.filter((s) => s === 503).length,
        };
      },
    };
  };
  /** Sends a request that needs a hash. @returns a promise of its answer, when it is in the queue */
  const during = async (send: () => Promise<Response>) => {
    const before = checks;
    const answer = send();
    await until("the request has asked for a hash", () => checks > before);
    return { answer };
  };
  return { ...test, client, flood, during };
}

/** @returns `count` addresses in each site, each in a /64 of its own */
function spread(sites: number[], count: number): string[] {
  return sites.flatMap((site) => Array.from({ length: count }, (_, number) => inSite(site, number * 977)));
}

describe("while a flood of logins fills the password queue", () => {
  test("a known device logs in each time, even from a network of the flood", LONG, async () => {
    const { client, flood, during, clock } = await setUp();
    for (const address of ["198.51.100.1", inSite(1, 60_000)]) {
      const own = client(address);
      assert.equal((await own.login("alice", RIGHT)).status, 202);
      const answers: number[] = [];
      for (let number = 0; number < FLOODS; number++) {
        const { end } = await flood(spread([1, 2, 3, 4], 30));
        const { answer } = await during(() => own.login("alice", RIGHT));
        const counts = await end();
        answers.push((await answer).status);
        assert.equal(counts.wrong, 9, "one hash under way, and eight in the queue");
        assert.equal(counts.busy, 111);
        clock.advance(300);
      }
      assert.deepEqual(answers, Array(FLOODS).fill(202));
    }
  });

  test("a logged-in user can change the password", LONG, async () => {
    const { client, flood, during } = await setUp();
    const own = client("198.51.100.1");
    assert.equal((await own.post("/login/", { username: "alice", password: RIGHT })).status, 202);
    assert.equal(own.cookies.has("devicecookie"), false, "a program, which is no known device");
    const token = own.cookies.get("csrftoken") ?? "";
    const { end } = await flood(spread([1, 2, 3, 4], 30));
    const passwords = { current_password: RIGHT, new_password: "another horse, and a battery" };
    const change = await during(() => own.post("/password/change/", passwords, { "X-CSRFToken": token }));
    await end();
    assert.equal((await change.answer).status, 204);
  });

  test(
    "a /48 fills at most half of the places for unknown callers, and a /64 or IPv4 address a quarter",
    LONG,
    async () => {
      const { client, flood, during } = await setUp();
      for (const [addresses, waiting] of [
        [spread([1], 100), 4],
        [Array.from({ length: 100 }, (_, number) => `203.0.113.${number}`), 4],
        [Array.from({ length: 20 }, () => "198.51.100.7"), 2],
        [Array.from({ length: 20 }, (_, number) => `2001:db8:9:9::${number.toString(16)}`), 2],
      ] as const) {
        const { end } = await flood([...addresses]);
        const stranger = await during(() =>
          client("192.0.2.1").post("/login/", { username: "alice", password: RIGHT }),
        );
        const { wrong } = await end();
        assert.deepEqual([wrong, (await stranger.answer).status], [1 + waiting, 202], String(addresses[0]));
      }
    },
  );
});
