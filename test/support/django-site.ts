import assert from "node:assert/strict";
import { after, before } from "node:test";
import { type Client, createClient } from "./client.ts";
import { startDjango } from "./django.ts";
import { freePort } from "./postgres.ts";
import { createSandbox } from "./process.ts";
import { startProxy } from "./proxies.ts";
import { TEST_SECRET_KEY } from "./secret-key.ts";

const PASSWORD = "right horse";

export type DjangoProxy = "nginx" | "caddy";

export interface SiteUser {
  username: string;
  name: string;
  email: string;
  groups: readonly string[];
}

/** A site of one origin: Postern, and a Django behind it. */
export interface DjangoSite {
  /** Of the site. */
  origin: string;
  /** A client of Django itself, past the proxy. */
  django: () => Client;
  /** The output of Django so far. */
  output: () => string;
  password: string;
  /** Runs a command of Postern, which must succeed. */
  run: (args: string[], input?: string) => Promise<void>;
  /** A user joins a new group. */
  joinGroup: (username: string, group: string) => Promise<void>;
  /** A new user. Groups that are missing are created. */
  addUser: (user: SiteUser) => Promise<void>;
  /** The browser of a new user. */
  logIn: (user: SiteUser) => Promise<Client>;
  /** A browser with no cookies. */
  browser: () => Client;
}

/** Starts it before the tests of a `describe`, and stops it after them. */
export function useSite(proxy: DjangoProxy, timeout: { timeout: number }): DjangoSite {
  let site: (DjangoSite & AsyncDisposable) | undefined;
  before(async () => {
    site = await startSite(proxy);
  }, timeout);
  after(() => site?.[Symbol.asyncDispose](), timeout);
  const started = () => site ?? assert.fail("The tests have not begun.");
  return {
    get origin() {
      return started().origin;
    },
    password: PASSWORD,
    django: () => started().django(),
    output: () => started().output(),
    run: (args, input) => started().run(args, input),
    joinGroup: (username, group) => started().joinGroup(username, group),
    addUser: (user) => started().addUser(user),
    logIn: (user) => started().logIn(user),
    browser: () => started().browser(),
  };
}

/** Under `/open/`, a request without a user reaches the application too. */
const OPEN: Record<DjangoProxy, (code: string) => string> = {
  nginx: (code) => {
    const [question = ""] = /^ {2}location = \/_postern \{.*?^ {2}\}\n/ms.exec(code) ?? [];
    const [application = ""] = /^ {2}location \/ \{.*?^ {2}\}\n/ms.exec(code) ?? [];
    const open = (question + application)
      .replaceAll("/_postern", "/_open")
      .replace("/auth/nginx/", "/auth/nginx/?anonymous=allow")
      .replace("location / {", "location /open/ {");
    return code.replace(application, application + open);
  },
  caddy: (code) => {
    const [application = ""] = /^ {2}handle \{.*?^ {2}\}\n/ms.exec(code) ?? [];
    const open = application
      .replace("/auth/caddy/?", "/auth/caddy/?anonymous=allow")
      .replace("handle {", "handle /open/* {");
    return code.replace(application, application + open);
  },
};

async function startSite(name: DjangoProxy): Promise<DjangoSite & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const sandbox = stack.use(await createSandbox());
  const environment = { POSTERN_SECRET_KEY: TEST_SECRET_KEY, POSTERN_THROTTLE: "off" };
  const postern = await sandbox.serveInProcess(environment);
  const application = await freePort();
  const proxy = stack.use(await startProxy(name, { postern: postern.port, application }, OPEN[name]));
  const origin = `http://127.0.0.1:${proxy.port}`;
  const keys = `${postern.url}/.well-known/jwks.json`;
  const django = stack.use(await startDjango(application, { keys, issuer: origin, audience: origin }));
  const run = async (args: string[], input = "") => {
    const { code, stderr } = await sandbox.run(args, { input, environment });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  };
  const clientOf = (host: string) => createClient((request) => fetch(request, { redirect: "manual" }), host);
  const browser = () => clientOf(`127.0.0.1:${proxy.port}`);
  const existing = new Set<string>();
  const joinGroup = async (username: string, group: string) => {
    if (!existing.has(group)) await run(["addgroup", group]);
    existing.add(group);
    await run(["edituser", username, "--add-group", group]);
  };
  const addUser = async ({ username, name, email, groups }: SiteUser) => {
    const [, first = "", last = ""] = /^(\S*) ?(.*)$/.exec(name) ?? [];
    const names = ["--email", email, "--first-name", first, "--last-name", last];
    await run(["createuser", username, ...names, "--password-stdin"], PASSWORD);
    for (const group of groups) await joinGroup(username, group);
  };
  const started = stack.move();
  return {
    origin,
    django: () => clientOf(`127.0.0.1:${application}`),
    output: django.output,
    password: PASSWORD,
    run,
    joinGroup,
    addUser,
    logIn: async (user) => {
      await addUser(user);
      const client = browser();
      assert.equal((await client.login(user.username, PASSWORD)).status, 202);
      return client;
    },
    browser,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
