import assert from "node:assert/strict";
import { test } from "node:test";
import { configFindings } from "../lib/cli/findings.ts";
import { parseConfig } from "../lib/config/load.ts";
import { TEST_SECRET_KEY } from "./support/secret-key.ts";

const codes = async (url: string) => {
  const environment = { PUBLIC_URL: "https://login.example.com", POSTERN_SECRET_KEY: TEST_SECRET_KEY };
  const findings = await configFindings(parseConfig({ ...environment, DATABASE_URL: url }));
  return findings.filter(({ mend }) => mend === "DATABASE_URL").map(({ level, code }) => `${level} ${code}`);
};

test("check reports a Postgres server on another machine as unsafe, unless its certificate is verified", async () => {
  const remote = "postgres://postern:secret@db.example.com/postern";
  for (const query of ["", "?sslmode=disable", "?sslmode=no-verify", "?uselibpqcompat=true&sslmode=require"]) {
    assert.deepEqual(await codes(remote + query), ["unsafe database_without_tls"], query);
  }
  for (const query of ["?sslmode=verify-full", "?sslmode=require", "?uselibpqcompat=true&sslmode=verify-full"]) {
    assert.deepEqual(await codes(remote + query), [], query);
  }
});

test("check finds nothing wrong with a Postgres on this machine", async () => {
  for (const host of ["localhost", "127.0.0.1:5433", "[::1]"]) {
    assert.deepEqual(await codes(`postgres://me@${host}/x`), []);
  }
  assert.deepEqual(await codes("postgres://me@/x?host=/var/run/postgresql"), []);
});
