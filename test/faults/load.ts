import { setTimeout } from "node:timers/promises";
import { login, logout, profile } from "../support/process.ts";

export interface Target {
  url: string;
}

/** The acknowledged logins and logouts. Requests in flight at a kill are in neither set: both results are correct. */
export interface Ledger {
  /** Cookies of logins that were answered 202. */
  live: Set<string>;
  /** Cookies of sessions whose logout was answered 204. */
  ended: Set<string>;
  logins: number;
  logouts: number;
  profiles: number;
  /** Requests that got no answer. */
  broken: number;
  /** The number of wrong answers, by their description. */
  unexpected: Map<string, number>;
}

export function createLedger(): Ledger {
  const counts = { logins: 0, logouts: 0, profiles: 0, broken: 0 };
  return { live: new Set(), ended: new Set(), ...counts, unexpected: new Map() };
}

export interface Load {
  username: string;
  password: string;
  clients: number;
  /** The wait of a client between two requests. */
  pauseMs: number;
  random: () => number;
}

/** Logs in, reads profiles and logs out, with several clients at the same time, until `stopping` aborts. */
export async function drive(target: Target, load: Load, ledger: Ledger, stopping: AbortSignal): Promise<void> {
  const client = async () => {
    const own: string[] = [];
    while (!stopping.aborted) {
      try {
        await step(target, load, ledger, own);
        if (load.pauseMs > 0) await setTimeout(load.pauseMs);
      } catch {
        ledger.broken++;
        await new Promise(setImmediate); // A closed port answers immediately; other clients must run.
      }
    }
  };
  await Promise.all(Array.from({ length: load.clients }, client));
}

async function step(target: Target, { username, password, random }: Load, ledger: Ledger, own: string[]) {
  const chance = random();
  const cookie = chance < 0.5 ? own[Math.floor(random() * own.length)] : undefined;
  if (cookie === undefined) {
    const made = await login(target, username, password);
    if (made.status !== 202) return notExpected(ledger, "login", made.status);
    ledger.logins++;
    ledger.live.add(made.cookie);
    own.push(made.cookie);
  } else if (chance < 0.25) {
    const { status } = await profile(target, cookie);
    if (status !== 200) return notExpected(ledger, "profile", status);
    ledger.profiles++;
  } else {
    own.splice(own.indexOf(cookie), 1);
    ledger.live.delete(cookie);
    const { status } = await logout(target, cookie);
    if (status !== 204) return notExpected(ledger, "logout", status);
    ledger.logouts++;
    ledger.ended.add(cookie);
  }
}

function notExpected({ unexpected }: Ledger, what: string, status: number): void {
  const key = `${what} ${status}`;
  unexpected.set(key, (unexpected.get(key) ?? 0) + 1);
}

/** Requests the profile with every session of the ledger. @returns the number of answers that contradict it */
export async function countLost(target: Target, { live, ended }: Ledger): Promise<number> {
  const checks = [...[...live].map((cookie) => [cookie, 200]), ...[...ended].map((cookie) => [cookie, 403])] as const;
  let lost = 0;
  const queue = checks.values();
  const worker = async () => {
    for (const [cookie, expected] of queue) {
      if ((await profile(target, String(cookie))).status !== expected) lost++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return lost;
}
