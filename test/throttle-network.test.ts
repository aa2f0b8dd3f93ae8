import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseNetworks } from "../lib/http/client-address.ts";
import { networksOf } from "../lib/throttle/network.ts";
import { IS_LONG } from "./support/effort.ts";
import { createGuessedApp, RIGHT, times, told } from "./support/guesses.ts";

const HOUR = 3600;
const LONG = { timeout: 240_000 };
const NETWORK = "203.0.113.7";

async function setUp(environment: Record<string, string> = {}) {
  const app = await createGuessedApp(environment);
  let names = 0;
  /** Guesses at a new username. */
  const tryName = (address = NETWORK) => app.stranger(address).login(`name${names++}`, "wrong");
  const exhaust = async (address = NETWORK) => {
    for (let time = 0; time < 30; time++) assert.equal((await tryName(address)).status, 400);
  };
  const send = (address: string, headers: Record<string, string>) =>
    app.stranger(address).post("/login/", { username: `name${names++}`, password: "wrong" }, headers);
  /** Stores a bucket that needs this time to drain. */
  const fillBucket = async (key: string, drainsInMs: number) => {
    const drainsAt = app.clock.now + drainsInMs;
    const bucket = { key, failures: 0, held_until: drainsAt, expires_at: drainsAt };
    await app.services.db
      .insertInto("throttles")
      .values(bucket)
      .onConflict((conflict) => conflict.column("key").doUpdateSet(bucket))
      .execute();
  };
  return { ...app, tryName, exhaust, send, fillBucket };
}

describe("a network that guesses, with any usernames,", () => {
  test("is blocked after 30 failures, and no other network is", async () => {
    const { tryName, exhaust, stranger } = await setUp();
    await exhaust();
    assert.equal(told(await tryName()), "429 after 10");
    assert.equal(told(await stranger(NETWORK).login("alice", RIGHT)), "429 after 10");
    assert.equal(told(await stranger().login("alice", RIGHT)), "202");
  });

  test("may guess 30 times, also at the same time", async () => {
    const { tryName, hashed } = await setUp();
    const answers = await Promise.all(times(200, NETWORK).map(tryName));
    assert.equal(answers.filter(({ status }) => status === 429).length, 170);
    assert.equal(hashed.length, 30);
  });

  test("may guess as often in every following 5 minutes", async () => {
    const { tryName, exhaust, clock } = await setUp();
    for (let window = 0; window < 5; window++) {
      await exhaust();
      assert.equal((await tryName()).status, 429);
      clock.advance(300);
    }
  });

  test("can log in again although its attempts continue, 5 a second for minutes", LONG, async () => {
    const { tryName, clock, hashed } = await setUp();
    const seconds = IS_LONG ? HOUR : HOUR / 30;
    for (let attempt = 0; attempt < seconds * 5; attempt++) {
      await tryName();
      clock.advance(0.2);
    }
    assert.equal(hashed.length, 30 + seconds / 10 - 1, "30 at once, and then one every ten seconds");
  });

  test("cannot reset its failures by a login to an own account", async () => {
    const { tryName, stranger } = await setUp();
    for (let time = 0; time < 30; time++) {
      assert.equal((await tryName()).status, 400);
      const own = (await stranger(NETWORK).login("alice", RIGHT)).status;
      assert.equal(own, time < 29 ? 202 : 429);
    }
    assert.equal((await tryName()).status, 429);
  });

  test("is not blocked by successful logins, up to 600 attempts a minute", async () => {
    const { stranger, clock } = await setUp();
    for (let time = 0; time < 600; time++) assert.equal((await stranger(NETWORK).login("alice", RIGHT)).status, 202);
    assert.equal(told(await stranger(NETWORK).login("alice", RIGHT)), "429 after 1");
    clock.advance(0.1);
    assert.equal(told(await stranger(NETWORK).login("alice", RIGHT)), "202");
  });

  test("does not count attempts that the account's limit denied", async () => {
    const { tryName, stranger } = await setUp();
    for (let time = 0; time < 10; time++) await stranger(NETWORK).login("alice", "wrong");
    for (let time = 0; time < 50; time++) {
      assert.equal(told(await stranger(NETWORK).login("alice", "wrong")), "429 after 30");
    }
    for (let time = 0; time < 20; time++) assert.equal((await tryName()).status, 400);
  });

  test("leaves a bounded number of rows for any number of usernames", LONG, async () => {
    const { tryName, stranger, services, clock } = await setUp();
    const names = IS_LONG ? 50_000 : 1000;
    for (let name = 0; name < names; name++) {
      await tryName();
      clock.advance(HOUR / 50_000);
    }
    const { length } = await services.db.selectFrom("throttles").select("key").execute();
    assert(length <= 30 + (clock.now - Date.UTC(2026, 0, 1)) / 10_000 + 4, `${length} rows`);
    process.stdout.write(`${names} names from one network: ${length} rows\n`);
    assert.equal((await stranger().login("alice", RIGHT)).status, 202);
  });
});

/** @returns an address in the given /64 of 2001:db8:1::/48 */
const inSite = (number: number) => `2001:db8:1:${(number & 65535).toString(16)}::1`;

describe("a wider network has a limit of its own:", () => {
  for (const [what, limit, from, outside] of [
    ["the 256 /64s of a /56 fail 120 times together", 120, (n: number) => inSite(n & 255), inSite(256)],
    ["the 256 /56s of a /48 fail 300 times together", 300, (n: number) => inSite(n * 256), "2001:db8:2::1"],
    ["the 256 addresses of a /24 fail 600 times together", 600, (n: number) => `203.0.113.${n & 255}`, "203.0.112.1"],
  ] as const) {
    test(what, async () => {
      const { tryName, hashed, clock } = await setUp();
      for (let guess = 0; guess < limit; guess++) assert.equal((await tryName(from(guess))).status, 400);
      const seconds = 300 / limit;
      assert.equal(told(await tryName(from(limit))), `429 after ${Math.ceil(seconds)}`);
      assert.equal(told(await tryName(outside)), "400", "its neighbour is another network");
      clock.advance(seconds);
      assert.equal(told(await tryName(from(limit + 1))), "400");
      assert.equal(hashed.length, limit + 2);
    });
  }

  test("hundreds of /64s of a /48 that guess at the same time reach the hasher 300 times", LONG, async () => {
    const { tryName, hashed } = await setUp();
    const count = IS_LONG ? 2000 : 500;
    const answers = await Promise.all(Array.from({ length: count }, (_, number) => tryName(inSite(number * 33))));
    assert.equal(answers.filter(({ status }) => status === 400).length, 300);
    assert.equal(hashed.length, 300);
  });

  test("attempts that the wider limit denies do not count for the narrower ones", async () => {
    const { tryName, clock } = await setUp();
    for (let guess = 0; guess < 300; guess++) await tryName(inSite(guess * 256));
    for (let guess = 0; guess < 100; guess++) assert.equal((await tryName(inSite(7))).status, 429);
    clock.advance(300);
    for (let guess = 0; guess < 30; guess++) assert.equal((await tryName(inSite(7))).status, 400);
    assert.equal((await tryName(inSite(7))).status, 429);
  });

  test("the requests of a /48 are counted together, denied or not", LONG, async () => {
    const { tryName, clock, stranger, services, fillBucket } = await setUp();
    const key = "requests:2001:db8:1::/48";
    await fillBucket(key, 59_000); // 5,900 requests: each adds 10 ms of 60 s.
    for (let guess = 0; guess < 100; guess++) await tryName(inSite(guess * 7));
    assert.equal(told(await stranger(inSite(1)).login("alice", RIGHT)), "429 after 1");
    const row = await services.db
      .selectFrom("throttles")
      .select("held_until")
      .where("key", "=", key)
      .executeTakeFirstOrThrow();
    assert.equal(row.held_until, clock.now + 60_000, "a full bucket");
  });

  test("denied attempts at the same time all count as requests, in the narrow and the wide network", async () => {
    const { stranger, clock, services } = await setUp();
    for (let time = 0; time < 10; time++) await stranger().login("alice", "wrong");
    const from = Array.from({ length: 200 }, (_, number) => inSite(number % 50));
    const answers = await Promise.all(from.map((address) => stranger(address).login("alice", "wrong")));
    assert(answers.every(({ status }) => status === 429));
    const rows = await services.db.selectFrom("throttles").select(["key", "held_until"]).execute();
    const drainsIn = (key: string) => (rows.find((row) => row.key === key)?.held_until ?? 0) - clock.now;
    assert.equal(drainsIn("requests:2001:db8:1::/48"), 200 * 10);
    assert.equal(drainsIn("requests:2001:db8:1:0::/56"), 200 * 25);
    for (let number = 0; number < 50; number++) {
      assert.equal(drainsIn(`requests:2001:db8:1:${number.toString(16)}::/64`), 4 * 100);
    }
    assert(
      rows.every(({ key }) => !key.startsWith("failures:2001")),
      "empty counters are not stored",
    );
  });

  test("a known device logs in from a network that other clients have filled", LONG, async () => {
    const { tryName, stranger, fillBucket } = await setUp();
    for (const [own, network] of [
      [inSite(0x1234), "2001:db8:1::/48"],
      ["203.0.113.250", "203.0.113.0/24"],
    ] as const) {
      const client = stranger(own);
      assert.equal((await client.login("alice", RIGHT)).status, 202);
      await fillBucket(`failures:${network}`, 300_000);
      await fillBucket(`requests:${network}`, 60_000);
      assert.equal((await tryName(own)).status, 429);
      for (let time = 0; time < 20; time++) assert.equal((await client.login("alice", RIGHT)).status, 202);
    }
  });
});

describe("the network of a client", () => {
  test("is an IPv4 address, or the first 64 bits of an IPv6 one", async () => {
    const { exhaust, tryName } = await setUp();
    await exhaust("2001:db8:1:2::1");
    assert.equal((await tryName("2001:db8:1:2:ffff::9")).status, 429);
    assert.equal((await tryName("2001:db8:1:3::1")).status, 400);
    await exhaust("203.0.113.7");
    assert.equal((await tryName("::ffff:203.0.113.7")).status, 429, "the same, written as IPv6");
    assert.equal((await tryName("203.0.113.8")).status, 400);
  });

  test("is parsed from any spelling, and so are its wider networks", () => {
    const none = parseNetworks("");
    assert(none !== null);
    for (const [address, ...networks] of [
      ["::1", "0:0:0:0::/64", "0:0:0:0::/56", "0:0:0::/48"],
      ["::", "0:0:0:0::/64", "0:0:0:0::/56", "0:0:0::/48"],
      ["fe80::1", "fe80:0:0:0::/64", "fe80:0:0:0::/56", "fe80:0:0::/48"],
      ["2001:db8::", "2001:db8:0:0::/64", "2001:db8:0:0::/56", "2001:db8:0::/48"],
      ["2001:db8:1:2ff:3:4:5:6", "2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"],
      ["1:2:3::5:6:7:8", "1:2:3:0::/64", "1:2:3:0::/56", "1:2:3::/48"],
      ["192.0.2.1", "192.0.2.1", "192.0.2.0/24"],
      [""],
    ] as const) {
      assert.deepEqual(
        networksOf(address, none).map(({ name }) => name),
        networks,
        address,
      );
    }
  });

  test("is not taken from the X-Forwarded-For of an untrusted peer", async () => {
    const { exhaust, send } = await setUp({ POSTERN_TRUSTED_PROXIES: "10.0.0.1" });
    for (const peer of [NETWORK, "127.0.0.1"]) {
      await exhaust(peer);
      assert.equal((await send(peer, { "X-Forwarded-For": "198.51.100.1" })).status, 429);
      assert.equal((await send(peer, { "X-Forwarded-For": "" })).status, 429);
      assert.equal((await send(peer, { "X-Forwarded-For": "10.0.0.1" })).status, 429);
    }
    assert.equal((await send("10.0.0.1", { "X-Forwarded-For": NETWORK })).status, 429);
    assert.equal((await send("10.0.0.1", { "X-Forwarded-For": `198.51.100.1, ${NETWORK}` })).status, 429);
    assert.equal((await send("10.0.0.1", { "X-Forwarded-For": "198.51.100.1" })).status, 400);
  });

  test("is unknown without an address, and if a trusted proxy sends no X-Forwarded-For", async () => {
    const { tryName, stranger } = await setUp({ POSTERN_TRUSTED_PROXIES: "10.0.0.1" });
    for (const address of ["", "10.0.0.1"]) {
      for (let time = 0; time < 40; time++) assert.equal((await tryName(address)).status, 400);
      const bob = address === "" ? "bob" : "bobby";
      for (let time = 0; time < 10; time++) assert.equal((await stranger(address).login(bob, "wrong")).status, 400);
      assert.equal((await stranger(address).login(bob, "wrong")).status, 429, "an account is an account");
    }
  });
});
