import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { Hasher } from "../lib/passwords/hasher.ts";
import { createSemaphore } from "../lib/passwords/semaphore.ts";
import { loadRuntime } from "../lib/runtime/load.ts";
import { until } from "./support/poll.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { createTestApp } from "./support/test-app.ts";

const DENO = onlyOnBun("its request.signal does not tell whether a client has gone.");

test("a queued login computes no hash if its client has disconnected", DENO, async () => {
  const { app, services, logged } = await createTestApp();
  const semaphore = createSemaphore(1, 10);
  const hashed: string[] = [];
  const ends: (() => void)[] = [];
  const check: Hasher["check"] = (password, _encoded, gone) =>
    semaphore(async () => {
      hashed.push(password);
      await new Promise<void>((resolve) => ends.push(resolve));
      return { right: false };
    }, gone);
  let checks = 0;
  const counted: Hasher["check"] = (...parameters) => {
    checks++;
    return check(...parameters);
  };
  services.hasher = { ...services.hasher, check: counted };
  const listener = (await loadRuntime()).listen(app, { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 });
  const login = async (password: string) => {
    const body = JSON.stringify({ username: "alice", password });
    const socket = connect(listener.port, "127.0.0.1");
    await once(socket, "connect");
    const head = "POST /login/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ";
    socket.write(`${head}${body.length}\r\n\r\n${body}`);
    const before = checks;
    await until("the login is in the queue", () => checks > before);
    return socket;
  };
  await login("first");
  const gone = [await login("second"), await login("third")];
  const patient = await login("fourth");
  for (const socket of gone) socket.destroy();
  const abandoned = () => logged.filter((line) => line.includes('"status":499')).length;
  await until("both logins have left the queue", () => abandoned() === 2);
  ends[0]?.();
  await until("the next login is checked", () => hashed.length === 2);
  assert.deepEqual(hashed, ["first", "fourth"]);
  ends[1]?.();
  const [answer] = await once(patient, "data");
  assert.match(String(answer), /^HTTP\/1\.1 400 /);
  listener.cut();
});
