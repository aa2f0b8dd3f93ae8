import type { Passwords } from "../../lib/passwords/passwords.ts";
import { type Client, createClient } from "./client.ts";
import { createTestApp } from "./test-app.ts";

export const RIGHT = "right horse";

/** The application with the user alice, whose hasher counts and costs nothing, and browsers wherever they are wanted. */
export async function createGuessedApp(environment: Record<string, string> = {}) {
  const test = await createTestApp(environment);
  const alice = await test.addUser({ username: "alice", password: RIGHT });
  const real = test.services.passwords;
  const hashed: string[] = [];
  const passwords: Passwords = {
    ...real,
    check: async (password, encoded) => {
      hashed.push(password);
      return encoded !== null && password === RIGHT ? { right: true, replacement: null } : { right: false };
    },
  };
  test.services.passwords = passwords;
  let strangers = 0;
  /** A browser that has not been here, by default of a network that has not either. */
  const stranger = (address = `198.51.${(++strangers >> 8) & 255}.${strangers & 255}`): Client =>
    createClient(test.app, "postern.test", address);
  return { ...test, alice, hashed, stranger };
}

export type GuessedApp = Awaited<ReturnType<typeof createGuessedApp>>;

/** Guesses wrong, each time from another network. @returns the statuses */
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
