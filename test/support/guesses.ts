import { type Client, createClient } from "./client.ts";
import { createTestApp } from "./test-app.ts";

export const RIGHT = "right horse";

/** The application with the user alice and a hasher that records each password and computes no hash. */
export async function createGuessedApp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const alice = await test.addUser({ username: "alice", password: RIGHT });
  const real = test.services.hasher;
  const hashed: string[] = [];
  test.services.hasher = {
    ...real,
    check: async (password, encoded) => {
      hashed.push(password);
      return encoded !== null && password === RIGHT ? { right: true, replacement: null } : { right: false };
    },
  };
  let strangers = 0;
  /** A browser without cookies; by default in a network that has sent no request. */
  const stranger = (address = `198.51.${(++strangers >> 8) & 255}.${strangers & 255}`): Client =>
    createClient(test.app, "postern.test", address);
  return { ...test, alice, hashed, stranger };
}

export type GuessedApp = Awaited<ReturnType<typeof createGuessedApp>>;

/** Logs in with a wrong password, each time from another network. @returns the statuses */
export async function guess({ stranger }: Pick<GuessedApp, "stranger">, username: string, times: number) {
  const statuses: number[] = [];
  for (let time = 0; time < times; time++) statuses.push((await stranger().login(username, "wrong")).status);
  return statuses;
}

export const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** `202`, or `429 after 30` with the seconds in Retry-After. */
export function told(response: Response): string {
  const seconds = response.headers.get("retry-after");
  return seconds === null ? String(response.status) : `${response.status} after ${seconds}`;
}
