import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { migrate } from "../../db/migrate.ts";
import { openDatabase } from "../../db/open.ts";
import { setActive, setPassword } from "../../db/users.ts";
import { createLog } from "../../lib/observability/log.ts";
import { loadRuntime } from "../../lib/runtime/load.ts";
import { inviteFirstUser } from "../../lib/users/invite-first-user.ts";
import { createClient } from "../support/client.ts";
import { FIXTURE_USERS } from "../support/recording.ts";
import { createTestApp } from "../support/test-app.ts";

// The server of test/faults/fuzz.ts. It runs in a separate process, so that its memory can be measured. Its hasher is
// cheap and its clock stands still. The lines `users` and `nobody` on standard input reset the database; the answer is a
// line of JSON with live secrets. Logged errors go to standard error.

const folder = mkdtempSync(join(tmpdir(), "postern-fuzzed-"));
const db = await openDatabase(`sqlite:${join(folder, "postern.db")}`, { mayCreate: true, poolSize: 1 });
await migrate(db);
const environment = {
  POSTERN_BODY_TIMEOUT_SECONDS: "1",
  POSTERN_TRUSTED_ORIGINS: "https://app.test",
  POSTERN_TRUSTED_PROXIES: "127.0.0.1",
};
const { app, services, addUser } = await createTestApp(environment, { db, close: () => db.destroy() });
services.log = createLog((line, level) => {
  if (level === "error") process.stderr.write(line);
}, services.now);
const underWay = new Set<unknown>();
const counted: typeof app = (request, peer) => {
  const answer = app(request, peer);
  underWay.add(answer);
  return Promise.resolve(answer).finally(() => underWay.delete(answer));
};
const listener = (await loadRuntime()).listen(counted, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 5 });
process.stdout.write(`${JSON.stringify({ port: listener.port })}\n`);

/** Only on Deno: without a forced collection, V8 may keep garbage for long and the memory seems to grow. */
const collectGarbage: unknown = Reflect.get(globalThis, "gc");

for await (const line of createInterface({ input: process.stdin })) {
  if (typeof collectGarbage === "function") collectGarbage();
  await db.deleteFrom("users").execute();
  await db.deleteFrom("throttles").execute();
  // Every second batch runs without the throttle, so that more logins reach the password check.
  services.config = { ...services.config, throttle: !services.config.throttle };
  process.stdout.write(`${JSON.stringify(line === "users" ? await inhabit() : await desert())}\n`);
}
// A client may have gone away while its request is handled.
await Promise.allSettled(underWay);
await db.destroy();
rmSync(folder, { recursive: true, force: true });
process.exit();

/** Creates the users of the recording and logs the first one in. */
async function inhabit() {
  for (const input of FIXTURE_USERS) {
    const user = await addUser(input);
    if (user.username === "inactive") await setActive(db, user.id, false);
    if (user.username === "nopass") await setPassword(db, user.id, "!unusable");
  }
  const client = createClient(app);
  await client.login("guguweb", "mysecret");
  return { session: client.cookies.get("sessionid"), csrf: client.cookies.get("csrftoken"), setup: "none" };
}

/** Creates the set-up link for the first user. */
async function desert() {
  const path = await inviteFirstUser(services);
  return { session: "none", csrf: "none", setup: path?.split("=")[1] };
}
