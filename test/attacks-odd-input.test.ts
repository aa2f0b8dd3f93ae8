import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "./support/client.ts";
import { createTestApp } from "./support/test-app.ts";

// Inputs that real attacks tried: each answer is a plain denial, and none is a server error.

const BROWSER = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", Accept: "text/html" };

async function setUp() {
  const test = await createTestApp();
  await test.addUser({ username: "alice", password: "right horse" });
  const client = createClient(test.app);
  assert.equal((await client.login("alice", "right horse")).status, 202);
  return { ...test, client };
}

describe("odd cursors", () => {
  const CURSORS = [
    ["-1", "+1", "1e3", "0x10", "1.5", "NaN", "null", "[]", "'", "1'or'1", "../", "%00", "1%00", "%ff", "%ed%a0%80"],
    ["%F0%9F%98%80", "%D9%A1", "9".repeat(16), "9".repeat(400), "1.%00", ".a", "%", "a".repeat(8000), "1&cursor=x"],
  ].flat();
  for (const path of ["/sessions/", "/activity/"]) {
    test(`of ${path} are a validation error`, async () => {
      const { client } = await setUp();
      for (const cursor of CURSORS) {
        const response = await client.get(`${path}?cursor=${cursor}`);
        assert.equal(response.status, 400, cursor.slice(0, 40));
        assert.deepEqual(await response.json(), { cursor: ["Invalid cursor."] });
      }
    });
  }
});

test("odd names of devices and sessions are not found", async () => {
  const { client } = await setUp();
  const names = [
    ["%00", "%F0%9F%98%80", "__proto__", "constructor", "-1", "%27%20or%201=1", "*", "_", "%25", "%5B", "$&", "%0a"],
    ["f".repeat(20), "F".repeat(20), "a".repeat(8000), client.cookies.get("sessionid") ?? "", "x%2fy"],
  ].flat();
  for (const list of ["/devices/", "/sessions/"]) {
    for (const name of names) {
      const headers = { "Sec-Fetch-Site": "same-origin" };
      const { status } = await client.send("DELETE", `${list}${name}/`, { headers });
      assert.equal(status, 404, `${list}${name.slice(0, 40)}`);
    }
  }
  assert.equal((await client.get("/profile/")).status, 200);
});

test("an odd next leads to this origin, or to the default page", async () => {
  const { client } = await setUp();
  for (const next of [
    [
      "//evil.test",
      "/\\evil.test",
      "\\\\evil.test",
      "/\t/evil.test",
      "/\n/evil.test",
      "/.//evil.test",
      "/a/..//evil.test",
    ],
    [
      "/%2e%2e//evil.test",
      "/./\\evil.test",
      "///evil.test",
      "http:evil.test",
      "https:/evil.test",
      "javascript:alert(1)",
    ],
    [" //evil.test", "\0//evil.test", "/\0/evil.test", "@evil.test", "/@evil.test", "/％2fevil.test", "/／evil.test"],
    ["/x\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:a=b", "/login/?next=/login/", "/?//evil.test", "/:80/", "/<script>"],
  ].flat()) {
    for (const query of [`next=${encodeURIComponent(next)}`, `next=/profile/&next=${encodeURIComponent(next)}`]) {
      const response = await client.get(`/login/?${query}`, BROWSER);
      assert.equal(response.status, 303, next);
      const location = new URL(response.headers.get("location") ?? "", "http://postern.test/login/");
      assert.equal(location.origin, "http://postern.test", next);
      assert.deepEqual(response.headers.getSetCookie(), []);
    }
  }
});

test("an odd format is no server error at any kind of endpoint", async () => {
  const { client } = await setUp();
  const formats = ["api", "xml", "JSON", "json&format=html", "%00", "%ff", "../", "json%0d%0aX:y", "__proto__", "page"];
  for (const path of ["/sessions/", "/login/", "/nowhere/", "/sessions/x/", "/static/x", "/", "/healthz"]) {
    for (const format of formats) {
      for (const method of ["GET", "OPTIONS", "PUT"]) {
        const response = await client.send(method, `${path}?format=${format}`, {});
        assert(response.status < 500, `${method} ${path} ${format}: ${response.status}`);
        assert.equal(response.headers.get("x"), null);
      }
    }
  }
});

test("a stored password that is damaged is a wrong password", async () => {
  const { app, services, addUser } = await setUp();
  await addUser({ username: "bob", password: "right horse" });
  const tail = `${"A".repeat(22)}$${"A".repeat(43)}`;
  const stored = [
    ["", "!", "$", "$$$$", "md5", "md5$", "md5$$$", `md5$a$${"0".repeat(31)}`, `md5$a$b$${"0".repeat(32)}`, "crypt$$x"],
    [`SHA1$a$${"0".repeat(40)}`, `${"0".repeat(32)}\n`, "right horse", "__proto__$x", `toString$a$${"0".repeat(32)}`],
    ["pbkdf2_sha256$999999999$s$AAAA", "pbkdf2_sha256$-1$s$AAAA", "pbkdf2_sha256$1000$s$%%%", "scrypt$3$s$8$1$AAAA"],
    [`bcrypt$$2b$31$${".".repeat(53)}`, `bcrypt$$2b$03$${".".repeat(53)}`, `bcrypt$$2x$04$${".".repeat(53)}`],
    [`argon2$argon2id$v=19$m=4294967295,t=1,p=1$${tail}`, `argon2$argon2id$v=19$m=7,t=1,p=1$${tail}`],
    [`argon2$argon2id$v=19$m=8,t=1,p=1,keyid=x$${tail}`, "$".repeat(50_000), "\u{1F600}".repeat(100)],
  ].flat();
  for (const password of stored) {
    await services.db.updateTable("users").set({ password }).where("username", "=", "bob").execute();
    await services.db.deleteFrom("throttles").execute();
    const response = await createClient(app).login("bob", "right horse");
    assert.equal(response.status, 400, password.slice(0, 60));
  }
});
