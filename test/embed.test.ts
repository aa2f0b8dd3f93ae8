import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { OPTIONS } from "../lib/config/options.ts";
import { createPostern, PosternError, type PosternOptions } from "../lib/embed/postern.ts";
import { embed, OWN_ANSWER, PASSWORD } from "./support/embedded.ts";
import { freePort } from "./support/postgres.ts";
import { createSandbox } from "./support/process.ts";

const MINUTE = 60_000;

describe("an embedded Postern", () => {
  test("answers its own paths, and leaves every other path to the application", async () => {
    await using embedded = await embed();
    const { client } = embedded;
    const statusOf = async (path: string) => (await client.get(path)).status;
    assert.deepEqual(
      await Promise.all(["/profile/", "/client.js", "/setup/", "/sessions/x/"].map(statusOf)),
      [403, 200, 404, 403],
    );
    assert.equal((await client.get("/login/", { "Sec-Fetch-Mode": "navigate" })).status, 200);
    for (const path of [
      "/",
      "/login",
      "/login/x",
      "/notes/",
      "/favicon.ico",
      "/robots.txt",
      "/healthz",
      "/metrics",
      "//login/",
      "/%login/",
    ]) {
      assert.equal(await (await client.get(path, { "Sec-Fetch-Mode": "navigate" })).text(), OWN_ANSWER, path);
    }
  });

  test("gives the application the user who is logged in, until the logout", async () => {
    await using embedded = await embed();
    const { postern, client, request } = embedded;
    assert.equal(await postern.user(request()), null);
    assert.equal((await client.login("alice", "wrong")).status, 400);
    assert.equal((await client.login("alice", PASSWORD)).status, 202);
    const user = await postern.user(request());
    assert(user);
    const { logged_in_at, proved_at, expires_at, ...rest } = user;
    assert.deepEqual(rest, {
      id: 1,
      username: "alice",
      email: "alice@example.com",
      email_verified: false,
      first_name: "",
      last_name: "",
      groups: [],
      is_staff: true,
      is_superuser: true,
      amr: ["pwd"],
    });
    assert.equal(proved_at, logged_in_at);
    assert.equal(
      Date.parse(expires_at) - Date.parse(logged_in_at),
      Number(OPTIONS.sessionMaxAgeSeconds.default) * 1000,
    );
    const answer = await client.post("/logout/", {}, { "Sec-Fetch-Site": "same-origin" });
    assert.equal(answer.status, 204);
    assert.equal(await postern.user(request()), null);
  });

  test("knows no user in a request of a foreign page that changes something or opens a WebSocket", async () => {
    await using embedded = await embed({ trustedOrigins: ["http://app.postern.test"] });
    const { postern, client, request } = embedded;
    await client.login("alice", PASSWORD);
    const nameOf = async (method: string, headers: Record<string, string>) =>
      (await postern.user(request(method, headers)))?.username;
    const foreign = { Origin: "http://other.test" };
    assert.equal(await nameOf("POST", { "Sec-Fetch-Site": "same-site" }), undefined);
    assert.equal(await nameOf("DELETE", foreign), undefined);
    assert.equal(await nameOf("GET", { ...foreign, Upgrade: "websocket" }), undefined);
    assert.equal(await nameOf("GET", foreign), "alice");
    assert.equal(await nameOf("POST", {}), "alice");
    assert.equal(await nameOf("POST", { "Sec-Fetch-Site": "same-origin" }), "alice");
    assert.equal(await nameOf("POST", { Origin: "http://postern.test" }), "alice");
    assert.equal(await nameOf("POST", { Origin: "http://app.postern.test", "Sec-Fetch-Site": "same-site" }), "alice");
  });

  test("keeps a session alive that only the application asks about", async () => {
    await using sandbox = await createSandbox();
    const databaseUrl = `sqlite:${join(sandbox.folder, "postern.db")}`;
    await using embedded = await embed({ databaseUrl });
    const { postern, client, request } = embedded;
    await client.login("alice", PASSWORD);
    const lastSeen = () =>
      sandbox.withDatabase((db) => db.selectFrom("sessions").select("last_seen_at").executeTakeFirstOrThrow());
    await sandbox.withDatabase((db) =>
      db
        .updateTable("sessions")
        .set((row) => ({ last_seen_at: row("last_seen_at", "-", 2 * MINUTE) }))
        .execute(),
    );
    const before = (await lastSeen()).last_seen_at;
    await postern.user(request());
    const after = (await lastSeen()).last_seen_at;
    assert(after - before >= 2 * MINUTE, `${before} ${after}`);
    await postern.user(request());
    assert.equal((await lastSeen()).last_seen_at, after);
  });

  test("knows the client's address from its peer, or from a trusted proxy", async () => {
    await using embedded = await embed({ trustedProxies: "192.0.2.1" });
    const { postern, client } = embedded;
    const login = { method: "POST", body: new URLSearchParams({ username: "alice", password: PASSWORD }) };
    const enter = (headers: Record<string, string>) => new Request("http://postern.test/login/", { ...login, headers });
    const forwarded = { "X-Forwarded-For": "198.51.100.7" };
    for (const peer of [undefined, null, { address: "192.0.2.9" }, { address: "192.0.2.1" }]) {
      assert.equal((await postern.fetch(enter(forwarded), peer))?.status, 202);
    }
    await client.login("alice", PASSWORD);
    const sessions: { address: string }[] = await (await client.get("/sessions/")).json();
    const addresses = sessions.map(({ address }) => address).sort();
    assert.deepEqual(addresses, ["", "", "192.0.2.1", "192.0.2.9", "198.51.100.7"]);
  });

  test("does the hourly work of serve at its start, and ends it before it closes", async () => {
    await using sandbox = await createSandbox();
    const databaseUrl = `sqlite:${join(sandbox.folder, "postern.db")}`;
    const first = await embed({ databaseUrl });
    await first.client.login("alice", PASSWORD);
    await first.postern.close();
    await sandbox.withDatabase((db) => db.updateTable("sessions").set({ expires_at: 1 }).execute());
    const lines: string[] = [];
    const postern = await createPostern({ databaseUrl, log: (line) => lines.push(line) });
    assert.equal(await postern.setUpPath(), null);
    await postern.close();
    assert.match(lines.join("\n"), /"event":"sessions_cleared","count":1/);
  });

  test("closes after the requests in flight, and answers none after that", async () => {
    const { postern, client } = await embed();
    const login = client.login("alice", PASSWORD);
    await Promise.all([postern.close(), postern.close()]);
    assert.equal((await login).status, 202);
    const request = new Request("http://postern.test/profile/");
    await assert.rejects(postern.fetch(request), { name: "PosternError", message: "This Postern is closed." });
    await assert.rejects(postern.user(request), { name: "PosternError" });
  });

  test("hands each event of its log to the application, as one line of JSON", async () => {
    await using embedded = await embed();
    const { client, lines } = embedded;
    await client.login("alice", PASSWORD);
    const events = lines.map((line): Record<string, unknown> => JSON.parse(line));
    assert.equal(events[0]?.["event"], "no_users");
    assert.equal(events.at(-1)?.["event"], "request");
    assert.equal(events.at(-1)?.["status"], 202);
  });
});

describe("createPostern", () => {
  const messageOf = async (options: PosternOptions) => {
    const error = await createPostern({ databaseUrl: "sqlite::memory:", log: () => {}, ...options }).catch(
      (error) => error,
    );
    assert(error instanceof PosternError, String(error));
    return error.message;
  };

  test("names every option that is not valid, by the names of the options", async () => {
    const given: PosternOptions = {
      databasePoolSize: 0,
      publicUrl: "example.com",
      cookieDomain: "example.com",
      sessionCookieName: "__Host-id",
      trustedOrigins: ["https://app.example.com", "x"],
      // @ts-expect-error An object is no name.
      siteName: {},
      throttle: true,
    };
    assert.deepEqual((await messageOf(given)).split("\n"), [
      "siteName is of the type object: expected at most 60 characters.",
      'databasePoolSize is "0": expected a whole number from 1 to 1000.',
      'publicUrl is "example.com": expected an origin such as https://example.com, without a path.',
      'trustedOrigins is "https://app.example.com,x": expected origins such as https://app.example.com, separated by commas.',
      'sessionCookieName is "__Host-id": browsers accept this prefix over https only. Set publicUrl to an https origin.',
      'sessionCookieName is "__Host-id": a __Host- cookie has no domain. Unset cookieDomain.',
    ]);
  });

  test("denies unknown options, and settings of the program's own server", async () => {
    // @ts-expect-error The option does not exist.
    const unknown = await messageOf({ pubilcUrl: "" });
    assert.equal(unknown, "pubilcUrl is not an option of createPostern. Did you mean publicUrl?");
    // @ts-expect-error It is the name of the environment variable.
    const variable = await messageOf({ POSTERN_SITE_NAME: "Notes" });
    assert.equal(variable, "POSTERN_SITE_NAME is not an option of createPostern. Did you mean siteName?");
    // @ts-expect-error The application listens.
    const port = await messageOf({ port: 8000 });
    assert.equal(port, "port is a setting of the command serve. It has no effect on an embedded Postern.");
  });

  test("says why it cannot open the database", async () => {
    const port = await freePort();
    const secretKey = "A".repeat(43);
    assert.equal(
      await messageOf({ databaseUrl: `postgres://alice@127.0.0.1:${port}/notes`, secretKey }),
      `No Postgres answers at 127.0.0.1 port ${port} (ECONNREFUSED). Start it, or set databaseUrl.`,
    );
    assert.match(await messageOf({ databaseUrl: "postgres://127.0.0.1/notes" }), /^secretKey is not set, and Postgres/);
    assert.match(await messageOf({ databaseUrl: "sqlite:/nonexistent/postern.db" }), /\/nonexistent/);
  });

  test("reads no environment variable", async () => {
    process.env["POSTERN_SITE_NAME"] = "From the environment";
    process.env["POSTERN_NO_SETTING"] = "x";
    try {
      await using embedded = await embed({ siteName: "Notes" });
      await using other = await embed();
      const titleOf = async ({ client }: typeof embedded) => {
        const page = await client.get("/login/", { "Sec-Fetch-Mode": "navigate" });
        return /<title>.*<\/title>/.exec(await page.text())?.[0];
      };
      assert.deepEqual(
        [await titleOf(embedded), await titleOf(other)],
        ["<title>Log in to Notes · Notes</title>", "<title>Log in to Postern · Postern</title>"],
      );
    } finally {
      delete process.env["POSTERN_SITE_NAME"];
      delete process.env["POSTERN_NO_SETTING"];
    }
  });

  test("has an option for each setting, named as its variable in camelCase", () => {
    for (const [option, { name }] of Object.entries(OPTIONS)) {
      const words = name.replace(/^POSTERN_/, "").toLowerCase();
      assert.equal(
        option,
        words.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      );
    }
  });
});
