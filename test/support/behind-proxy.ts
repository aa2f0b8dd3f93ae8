import { once } from "node:events";
import type { Server } from "node:net";
import { addMember, insertGroup } from "../../db/groups.ts";
import { transaction } from "../../db/open.ts";
import { loadRuntime } from "../../lib/runtime/load.ts";
import { ALICE } from "./forwarding.ts";
import { type Application, type ProxyName, type Received, startApplication, startProxy } from "./proxies.ts";
import { type RawAnswer, type RawRequest, sendRaw } from "./raw-client.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

/** A proxy with the documented configuration, Postern and an application behind it, and a user alice. */
export interface Site extends AsyncDisposable {
  origin: string;
  port: number;
  testApp: TestApp;
  application: Application;
  /** Sends a request to the proxy. */
  ask: (target: string, request?: RawRequest) => Promise<RawAnswer>;
  /** Logs alice in through the proxy. @returns the headers of her browser: its cookies */
  logIn: () => Promise<{ Cookie: string }>;
  addToGroup: (name: string) => Promise<void>;
  /** Closes Postern's port. */
  stopPostern: () => void;
}

/** @param broken a server that takes Postern's place at the proxy */
export async function startSite(name: ProxyName, change?: (code: string) => string, broken?: Server): Promise<Site> {
  const testApp = await createTestApp({ POSTERN_TRUSTED_PROXIES: "127.0.0.1" });
  const alice = await testApp.addUser(ALICE);
  const listening = { hostname: "127.0.0.1", port: 0, idleTimeoutSeconds: 30 };
  const listener = (await loadRuntime()).listen(testApp.app, listening);
  const application = await startApplication();
  const postern = broken === undefined ? listener.port : await listenAnywhere(broken);
  const proxy = await startProxy(name, { postern, application: application.port }, change);
  const ask: Site["ask"] = (target, request) => sendRaw(proxy.port, target, request);
  return {
    origin: `http://127.0.0.1:${proxy.port}`,
    port: proxy.port,
    testApp,
    application,
    ask,
    logIn: async () => {
      const { username, password } = ALICE;
      const headers = { "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin" };
      const answer = await ask("/login/", { method: "POST", headers, body: JSON.stringify({ username, password }) });
      if (answer.status !== 202) throw new Error(`the login was answered ${answer.status}: ${answer.body}`);
      return {
        Cookie: answer.headers
          .getSetCookie()
          .map((line) => line.split(";", 1)[0])
          .join("; "),
      };
    },
    addToGroup: async (group) => {
      const { db, now } = testApp.services;
      const made = await insertGroup(db, { name: group, createdAt: now() });
      if (made !== null) await transaction(db, (db) => addMember(db, alice.id, made.id));
    },
    stopPostern: () => listener.cut(),
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await application[Symbol.asyncDispose]();
      broken?.close();
      listener.cut();
      await testApp.close();
    },
  };
}

async function listenAnywhere(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** The request that the application answered. */
export function receivedIn({ body }: RawAnswer): Received {
  return JSON.parse(body);
}
