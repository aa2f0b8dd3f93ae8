import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { parseConfig } from "../lib/config/load.ts";
import { wireText } from "../lib/http/message.ts";
import { createLog } from "../lib/observability/log.ts";
import { isCommonPassword } from "../lib/passwords/common-passwords.ts";
import { judgePassword } from "../lib/passwords/password-rules.ts";
import { isSimilar } from "../lib/passwords/similarity.ts";
import similarities from "./fixtures/django-similar-passwords.json" with { type: "json" };
import { createClient } from "./support/client.ts";
import { makeFilterText, readCommonPasswords } from "./support/common-passwords.ts";
import { IS_LONG } from "./support/effort.ts";
import { ROOT } from "./support/process.ts";
import { createTestApp } from "./support/test-app.ts";

const GUGUWEB = {
  username: "guguweb",
  email: "augusto@example.com",
  firstName: "Augusto",
  lastName: "Destrero",
  hasSecondFactor: false,
};

const TOO_COMMON = "This password is too common.";
const tooShort = (characters: number) =>
  `This password is too short. It must contain at least ${characters} characters.`;
const SILENT = createLog(
  () => assert.fail("logged"),
  () => 0,
);
const tooSimilar = (what: string) => `The password is too similar to the ${what}.`;

/** @returns the validation errors */
async function errorsOf(password: string, rules = "asvs", siteName = "", owner = GUGUWEB): Promise<string[]> {
  const config = parseConfig({ POSTERN_PASSWORD_RULES: rules, POSTERN_SITE_NAME: siteName });
  const judged = await judgePassword({ config, log: SILENT }, password, owner);
  if (typeof judged !== "string") return judged.map(wireText);
  assert.equal(judged, password);
  return [];
}

describe("a new password", () => {
  test("has at least 8 characters by asvs, 15 by nist, and any number by none", async () => {
    assert.deepEqual(await errorsOf("k7#qz!p"), [tooShort(8)]);
    assert.deepEqual(await errorsOf("k7#qz!pv"), []);
    assert.deepEqual(await errorsOf("k7#qz!pvk7#qz!", "nist"), [tooShort(15)]);
    assert.deepEqual(await errorsOf("k7#qz!pvk7#qz!p", "nist"), []);
    assert.deepEqual(await errorsOf("x", "none"), []);
  });

  test("has at least 8 characters by nist too, if its user has a second factor", async () => {
    const owner = { ...GUGUWEB, hasSecondFactor: true };
    assert.deepEqual(await errorsOf("k7#qz!p", "nist", "", owner), [tooShort(8)]);
    assert.deepEqual(await errorsOf("k7#qz!pv", "nist", "", owner), []);
    assert.deepEqual(await errorsOf("k7#qz!p", "asvs", "", owner), [tooShort(8)]);
    assert.deepEqual(await errorsOf("x", "none", "", owner), []);
  });

  test("is measured in code points, not in UTF-16 code units", async () => {
    assert.deepEqual(await errorsOf("🐎🐕🐈🐇🐻🦊🐄"), [tooShort(8)]);
    assert.deepEqual(await errorsOf("🐎🐕🐈🐇🐻🦊🐄🦌"), []);
  });

  test("needs no digits, capitals or symbols, and may consist of them alone", async () => {
    for (const password of ["speak friend and enter", "8302918746", "QWOPZXNMWO", "!&%#@?/+=*"]) {
      assert.deepEqual(await errorsOf(password), [], password);
    }
  });

  test("must not be similar to a name of the user or the site, and the error says to which", async () => {
    for (const [password, what] of [
      ["GuguWeb99", "username"],
      ["augusto-9", "first name"],
      ["Destrero.77", "last name"],
      ["example.com1", "email address"],
      ["acme-bank1", "site name"],
    ] as const) {
      assert.deepEqual(await errorsOf(password, "asvs", "Acme Bank"), [tooSimilar(what)], password);
    }
    assert.deepEqual(await errorsOf("acme-bank1"), []);
    assert.deepEqual(await errorsOf("guguweb", "none"), []);
  });

  test("is similar to a name exactly if Django says so", () => {
    assert(similarities.length > 250);
    for (const { password, name, similar } of similarities) {
      assert.equal(isSimilar(password, name), similar, `${password} ${name}`);
    }
  });

  test("gets all its validation errors at once, in Django's order", async () => {
    assert.deepEqual(await errorsOf("123456"), [tooShort(8), TOO_COMMON]);
    const services = { config: parseConfig({}), log: SILENT };
    const judged = await judgePassword(services, "monkey", { ...GUGUWEB, username: "monkey1" });
    assert(typeof judged !== "string");
    assert.deepEqual(judged.map(wireText), [tooSimilar("username"), tooShort(8), TOO_COMMON]);
  });

  test("must not be blank, have a NUL, or exceed 4096 bytes, also with the rules none", async () => {
    for (const rules of ["asvs", "nist", "none"]) {
      for (const blank of ["", " ", "\t\n \u3000"]) {
        assert.deepEqual(await errorsOf(blank, rules), ["Blank passwords aren't allowed."]);
      }
      assert.deepEqual(await errorsOf("speak friend\0and enter", rules), ["Null characters are not allowed."]);
      assert.deepEqual(await errorsOf("ä".repeat(2048), rules), []);
      const sentence = "The password is 4098 bytes long; at most 4096 are allowed.";
      assert.deepEqual(await errorsOf("ä".repeat(2049), rules), [sentence]);
    }
  });
});

describe("the list of common passwords", () => {
  let words: string[] = [];
  before(() => {
    words = readCommonPasswords();
  });

  test("has 120,000 entries, of which more than 100,000 have at least 8 characters", async () => {
    assert.equal(new Set(words).size, 120_000);
    assert(words.filter((word) => [...word].length >= 8).length > 100_000);
    for (const word of words) assert(await isCommonPassword(word), word);
  });

  test("ignores case and surrounding spaces", async () => {
    for (const password of ["PassWord1", " baseball ", "TRUSTNO1", "qwertyuiop"]) {
      assert.deepEqual(await errorsOf(password), [TOO_COMMON], password);
    }
  });

  test("takes fewer than 1 in 50,000 other passwords for a common one", async () => {
    const others = IS_LONG ? 300_000 : 100_000;
    let falsePositives = 0;
    for (let index = 0; index < others; index++) {
      if (await isCommonPassword(`not among them ${index}`)) falsePositives++;
    }
    // The expected number is 1 in 100,000: (1 − e^(−8/30))^8.
    assert(falsePositives <= others / 50_000, String(falsePositives));
  });

  test("is the output of `bun run passwords`", () => {
    const text = readFileSync(join(ROOT, "lib/passwords/common-passwords.txt"), "utf8");
    assert(text.replaceAll("\r", "") === makeFilterText(words));
  });
});

test("a password that was set before the rules still logs in", async () => {
  const { app, addUser, close } = await createTestApp({ POSTERN_PASSWORD_RULES: "nist" });
  await addUser({ username: "alice", password: "alice" });
  assert.equal((await createClient(app).login("alice", "alice")).status, 202);
  await close();
});

test("unknown password rules, and a breach service that is no origin, are configuration errors", () => {
  assert.throws(
    () => parseConfig({ POSTERN_PASSWORD_RULES: "ASVS", POSTERN_BREACHED_PASSWORDS: "on" }),
    /PASSWORD_RULES is "ASVS": expected asvs, nist or none\.\n.*BREACHED_PASSWORDS is "on": expected an origin/,
  );
});
