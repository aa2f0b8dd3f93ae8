import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { isCommonPassword } from "../lib/passwords/common-passwords.ts";
import { judgePassword } from "../lib/passwords/password-rules.ts";
import { isSimilar } from "../lib/passwords/similar-password.ts";
import similarities from "./fixtures/django-similar-passwords.json" with { type: "json" };
import { createClient } from "./support/client.ts";
import { makeFilterText, readCommonPasswords } from "./support/common-passwords.ts";
import { ROOT } from "./support/process.ts";
import { createTestApp } from "./support/test-app.ts";

const GUGUWEB = { username: "guguweb", email: "augusto@example.com", firstName: "Augusto", lastName: "Destrero" };

const TOO_COMMON = "This password is too common.";
const tooShort = (characters: number) =>
  `This password is too short. It must contain at least ${characters} characters.`;
const tooSimilar = (what: string) => `The password is too similar to the ${what}.`;

/** @returns every sentence against it */
async function mistakesOf(password: string, rules = "asvs", siteName = ""): Promise<string[]> {
  const config = parseConfig({ POSTERN_PASSWORD_RULES: rules, POSTERN_SITE_NAME: siteName });
  const judged = await judgePassword({ config, log: () => assert.fail("logged") }, password, GUGUWEB);
  if (typeof judged !== "string") return judged;
  assert.equal(judged, password);
  return [];
}

describe("a new password", () => {
  test("has at least 8 characters by asvs, 15 by nist, and any number by none", async () => {
    assert.deepEqual(await mistakesOf("k7#qz!p"), [tooShort(8)]);
    assert.deepEqual(await mistakesOf("k7#qz!pv"), []);
    assert.deepEqual(await mistakesOf("k7#qz!pvk7#qz!", "nist"), [tooShort(15)]);
    assert.deepEqual(await mistakesOf("k7#qz!pvk7#qz!p", "nist"), []);
    assert.deepEqual(await mistakesOf("x", "none"), []);
  });

  test("is counted in characters, not in the pairs that JavaScript stores them in", async () => {
    assert.deepEqual(await mistakesOf("🐎🐕🐈🐇🐻🦊🐄"), [tooShort(8)]);
    assert.deepEqual(await mistakesOf("🐎🐕🐈🐇🐻🦊🐄🦌"), []);
  });

  test("needs no digits, capitals or signs, and may be nothing but them", async () => {
    for (const password of ["speak friend and enter", "8302918746", "QWOPZXNMWO", "!&%#@?/+=*"]) {
      assert.deepEqual(await mistakesOf(password), [], password);
    }
  });

  test("is not like what the user or the site is called, and the first name that it is like is told", async () => {
    for (const [password, what] of [
      ["GuguWeb99", "username"],
      ["augusto-9", "first name"],
      ["Destrero.77", "last name"],
      ["example.com1", "email address"],
      ["acme-bank1", "site name"],
    ] as const) {
      assert.deepEqual(await mistakesOf(password, "asvs", "Acme Bank"), [tooSimilar(what)], password);
    }
    assert.deepEqual(await mistakesOf("acme-bank1"), []);
    assert.deepEqual(await mistakesOf("guguweb", "none"), []);
  });

  test("is like a name where Django says so", () => {
    assert(similarities.length > 250);
    for (const { password, name, similar } of similarities) {
      assert.equal(isSimilar(password, name), similar, `${password} ${name}`);
    }
  });

  test("is told everything that is wrong with it, in Django's order", async () => {
    assert.deepEqual(await mistakesOf("123456"), [tooShort(8), TOO_COMMON]);
    const services = { config: parseConfig({}), log: () => assert.fail("logged") };
    const judged = await judgePassword(services, "monkey", { ...GUGUWEB, username: "monkey1" });
    assert.deepEqual(judged, [tooSimilar("username"), tooShort(8), TOO_COMMON]);
  });

  test("is never blank, of 4097 bytes or with a NUL, whatever the rules", async () => {
    for (const rules of ["asvs", "nist", "none"]) {
      for (const blank of ["", " ", "\t\n \u3000"]) {
        assert.deepEqual(await mistakesOf(blank, rules), ["Blank passwords aren't allowed."]);
      }
      assert.deepEqual(await mistakesOf("speak friend\0and enter", rules), ["Null characters are not allowed."]);
      assert.deepEqual(await mistakesOf("ä".repeat(2048), rules), []);
      const sentence = "The password is 4098 bytes long; at most 4096 are allowed.";
      assert.deepEqual(await mistakesOf("ä".repeat(2049), rules), [sentence]);
    }
  });
});

describe("the list of common passwords", () => {
  let words: string[] = [];
  before(() => {
    words = readCommonPasswords();
  });

  test("has 120,000, of which 100,000 and more have eight characters", async () => {
    assert.equal(new Set(words).size, 120_000);
    assert(words.filter((word) => [...word].length >= 8).length > 100_000);
    for (const word of words) assert(await isCommonPassword(word), word);
  });

  test("is asked whatever the case and the spaces around", async () => {
    for (const password of ["PassWord1", " baseball ", "TRUSTNO1", "qwertyuiop"]) {
      assert.deepEqual(await mistakesOf(password), [TOO_COMMON], password);
    }
  });

  test("takes fewer than one in 50,000 others for one of them", async () => {
    let mistaken = 0;
    for (let index = 0; index < 300_000; index++) {
      if (await isCommonPassword(`not among them ${index}`)) mistaken++;
    }
    // Three are to be expected: 300,000 × (1 − e^(−8/30))^8.
    assert(mistaken <= 6, String(mistaken));
  });

  test("is what `bun run passwords` makes", () => {
    const text = readFileSync(join(ROOT, "lib/passwords/common-passwords.txt"), "utf8");
    assert(text.replaceAll("\r", "") === makeFilterText(words));
  });
});

test("a password that was set before there were rules still logs in", async () => {
  const { app, addUser, close } = await createTestApp({ POSTERN_PASSWORD_RULES: "nist" });
  await addUser({ username: "alice", password: "alice" });
  assert.equal((await createClient(app).login("alice", "alice")).status, 202);
  await close();
});

test("rules of another name, and a service that is no origin, stop the start", () => {
  assert.throws(
    () => parseConfig({ POSTERN_PASSWORD_RULES: "ASVS", POSTERN_BREACHED_PASSWORDS: "on" }),
    /PASSWORD_RULES is "ASVS": expected asvs, nist or none\.\n.*BREACHED_PASSWORDS is "on": expected an origin/,
  );
});
