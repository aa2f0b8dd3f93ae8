import { addMember, insertGroup } from "../../db/groups.ts";
import { transaction } from "../../db/open.ts";
import { createClient } from "./client.ts";
import { createTestApp, type TestApp } from "./test-app.ts";

export const ALICE = {
  username: "alice",
  password: "right horse",
  email: "alice@example.com",
  firstName: "Alice",
  lastName: "Liddell",
};

/** The names of all identity headers. */
export const IDENTITY_HEADERS = [
  "Remote-User",
  "Remote-Id",
  "Remote-Name",
  "Remote-Email",
  "Remote-Groups",
  "Postern-Assertion",
];

/** A request of a client to an application behind a proxy. */
export interface Original {
  method?: string;
  /** Scheme, host, path and query. */
  url?: string;
  /** The client's own headers. A proxy passes them on. */
  headers?: Record<string, string>;
}

/**
 * How each proxy asks, by its name: the method and the path of its request to Postern, and the headers that it adds. For
 * Traefik and Envoy this is what their documentation says (the pages are linked in lib/forward/traefik-envoy.md): the tests
 * do not run them. `proxies.test.ts` runs the others.
 */
export const PROXIES: Record<string, (original: Required<Original>) => { method: string; path: string } & Original> = {
  nginx: ({ method, url }) => ({
    method: "GET",
    path: "/auth/nginx/",
    headers: { "X-Original-Method": method, "X-Original-URL": url },
  }),
  caddy: forwarded("caddy"),
  traefik: forwarded("traefik"),
  haproxy: forwarded("haproxy"),
  envoy: ({ method, url }) => {
    const { scheme, host, path } = split(url);
    return {
      method,
      path: `/auth/envoy${path}`,
      headers: { "X-Forwarded-Method": method, "X-Forwarded-Proto": scheme, Host: host },
    };
  },
};

function forwarded(name: string): (typeof PROXIES)[string] {
  return ({ method, url }) => {
    const { scheme, host, path } = split(url);
    return {
      method: "GET",
      path: `/auth/${name}/`,
      headers: {
        "X-Forwarded-Method": method,
        "X-Forwarded-Proto": scheme,
        "X-Forwarded-Host": host,
        "X-Forwarded-Uri": path,
      },
    };
  };
}

function split(url: string): { scheme: string; host: string; path: string } {
  const [, scheme = "", host = "", path = ""] = /^(\w+):\/\/([^/]*)(.*)$/s.exec(url) ?? [];
  return { scheme, host, path };
}

/** Postern behind a proxy on this machine, and alice with a session. */
export async function createForwarding(environment: Record<string, string> = {}) {
  const testApp = await createTestApp(environment);
  const alice = await testApp.addUser(ALICE);
  const browser = createClient(testApp.app, "login.test", "127.0.0.1");
  await browser.login(ALICE.username, ALICE.password);
  /** Asks as a proxy does about a request with alice's cookies, or with none. @param conditions a query */
  const ask = (proxy: string, original: Original = {}, { conditions = "", isAnonymous = false } = {}) => {
    const { method = "GET", url = "https://app.test/notes/?page=2", headers = {} } = original;
    const question = PROXIES[proxy]?.({ method, url, headers });
    if (question === undefined) throw new Error(`no proxy ${proxy}`);
    const query = conditions === "" || proxy === "envoy" ? "" : `?${conditions}`;
    const asked: Record<string, string> = { ...headers, ...question.headers };
    if (proxy === "envoy" && conditions !== "") asked["Postern-Conditions"] = conditions;
    const client = isAnonymous ? createClient(testApp.app, "login.test", "127.0.0.1") : browser;
    return client.send(question.method, question.path + query, { headers: asked });
  };
  return { ...testApp, alice, browser, ask, addToGroup: (name: string) => addToGroup(testApp, alice.id, name) };
}

async function addToGroup({ services: { db, now } }: TestApp, userId: number, name: string): Promise<void> {
  const group = await insertGroup(db, { name, createdAt: now() });
  if (group === null) throw new Error(`there is a group ${name}`);
  await transaction(db, (db) => addMember(db, userId, group.id));
}

export function identityHeaders(response: Response): Record<string, string | null> {
  return Object.fromEntries(IDENTITY_HEADERS.map((name) => [name, response.headers.get(name)]));
}
