import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { Passwords } from "../lib/passwords/passwords.ts";
import { createLine } from "../lib/passwords/semaphore.ts";
import { loadRuntime } from "../lib/runtime/load.ts";
import { until } from "./support/poll.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { createTestApp } from "./support/test-app.ts";

const DENO = onlyOnBun("its request.signal does not tell whether a client has gone.");

test("a login that waits for its turn costs no hash once its client has gone", DENO, async () => {
  const { app, services, logged } = await createTestApp();
  const enter = createLine(1, 10);
  const hashed: string[] = [];
  const ends: (() => void)[] = [];
  const check: Passwords["check"] = (password, _encoded, gone) =>
    enter(async () => {
      hashed.push(password);
      await new Promise<void>((resolve) => ends.push(resolve));
      return { right: false };
    }, gone);
  let asked = 0;
  const counted: Passwords["check"] = (...asking) => {
    asked++;
    return check(...asking);
  };
  services.passwords = { ...services.passwords, check: counted };
  const listener = (await loadRuntime()).listen(app, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 });
  const login = async (password: string) => {
    const body = JSON.stringify({ username: "alice", password });
    const socket = connect(listener.port, "127.0.0.1");
    await once(socket, "connect");
    const head = "POST /login/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ";
    socket.write(`${head}${body.length}\r\n\r\n${body}`);
    const before = asked;
    await until("the login is in the line", () => asked > before);
    return socket;
  };
  await login("first");
  const gone = [await login("second"), await login("third")];
  const patient = await login("fourth");
  for (const socket of gone) socket.destroy();
  const abandoned = () => logged.filter((line) => line.includes('"status":499')).length;
  await until("both are out of the line", () => abandoned() === 2);
  ends[0]?.();
  await until("the next has its turn", () => hashed.length === 2);
  assert.deepEqual(hashed, ["first", "fourth"]);
  ends[1]?.();
  const [answer] = await once(patient, "data");
  assert.match(String(answer), /^HTTP\/1\.1 400 /);
  listener.cut();
});
