import assert from "node:assert/strict";
import { test } from "node:test";
import { generateToken } from "../lib/crypto/token.ts";

test("a token has 160 bits: 32 characters, each any of 32, and never the same token (ASVS 5.0 V7.2.3)", () => {
  const tokens = Array.from({ length: 2000 }, generateToken);
  assert.equal(new Set(tokens).size, tokens.length);
  for (const token of tokens) assert.match(token, /^[a-z2-7]{32}$/);
  // That one of 32 characters is missing at one of 32 places: less than 1 in 10^24, 32 × 32 × (31/32)^2000.
  for (let place = 0; place < 32; place++) assert.equal(new Set(tokens.map((token) => token[place])).size, 32);
});
