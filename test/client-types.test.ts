import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { environment } from "../lib/config/load.ts";
import { ROOT } from "./support/process.ts";

/** Uses every type, and has an error for each use that the types must forbid. */
const FRONT_END = `
import {
  configure, confirmSignup, events, fetch, LoginError, login, logout, passkey, profile, secondFactor, signup,
  type AddedPasskey, type Method, type Profile,
} from "/client.js";

const me: Profile | null = await profile();
const name: string = me?.first_name ?? "";
try {
  await login(name, "secret");
} catch (error) {
  if (!(error instanceof LoginError)) throw error;
  const wait: number | null = error.retryAfterSeconds;
  const all: readonly string[] = [error.message, ...(error.errors["username"] ?? []), String(error.status + (wait ?? 0))];
  document.body.append(all.join(" "));
  const methods: readonly Method[] = error.code === "second_factor_required" ? error.methods : [];
  if (methods.includes("passkey") && passkey.isAvailable()) await passkey.secondFactor({ remember: true });
  else await secondFactor("123456", { remember: true });
}
const controller = new AbortController();
await passkey.login({ autofill: true, signal: controller.signal }).then(() => passkey.login());
await passkey.prove();
const added: AddedPasskey = await passkey.add("Phone");
const codes: readonly string[] = added.recovery_codes ?? (await passkey.add()).recovery_codes ?? [];
document.body.append(added.name, ...codes);
events.addEventListener("logout", ({ type }) => document.body.append(type), { once: true });
const answer: Response = await fetch(new URL("/api/", location.href), { method: "DELETE" });
await (answer.ok ? logout() : Promise.resolve());

await signup("ada@example.com").then(() => confirmSignup("token", name, "secret"));

configure({ server: "https://api.example.com" });

// @ts-expect-error The event does not exist.
events.addEventListener("log-out", () => {});
// @ts-expect-error The password is missing.
await login(name);
// @ts-expect-error The code is missing.
await secondFactor({ remember: true });
// @ts-expect-error A passkey needs no username.
await passkey.login("ada");
// @ts-expect-error The server is missing.
configure({});
// @ts-expect-error The user may be null.
(await profile()).username;
`;

const CONFIG = {
  compilerOptions: {
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["esnext", "dom"],
    types: [],
    strict: true,
    noEmit: true,
    paths: { "/client.js": ["./client.d.ts"] },
  },
  include: ["*.ts"],
};

test("/client.d.ts types a front end that uses all of /client.js", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-types-"));
  try {
    await copyFile(join(ROOT, "public/client.d.ts.txt"), join(folder, "client.d.ts"));
    await writeFile(join(folder, "front-end.ts"), FRONT_END);
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(CONFIG));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const env = { PATH: environment["PATH"] ?? "", HOME: environment["HOME"] ?? "" };
    const compiled = promisify(execFile)(process.execPath, [tsc, "-p", folder], { env });
    assert.equal((await compiled.catch((error) => error)).stdout, "");
  } finally {
    await rm(folder, { recursive: true });
  }
});
