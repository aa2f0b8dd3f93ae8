import type { Db } from "../../db/open.ts";
import type { User } from "../../db/users.ts";
import { type App, createApp } from "../../lib/app.ts";
import { OPERATOR } from "../../lib/audit/actor.ts";
import { parseConfig } from "../../lib/config/load.ts";
import { createAssertions } from "../../lib/forward/assertion.ts";
import { wireText } from "../../lib/http/message.ts";
import { deliverNext } from "../../lib/mail/deliver.ts";
import { makeMailService } from "../../lib/mail/mail-service.ts";
import type { Message, Transport } from "../../lib/mail/transport.ts";
import { createLog } from "../../lib/observability/log.ts";
import { createMetrics } from "../../lib/observability/metrics.ts";
import { createHasher } from "../../lib/passwords/hasher.ts";
import { type AcceptedPassword, acceptAnyPassword } from "../../lib/passwords/password-rules.ts";
import type { Services } from "../../lib/services.ts";
import { createUser, type UserInput } from "../../lib/users/create-user.ts";
import { openTestDatabase } from "./database.ts";
import { QUICK_ARGON2 } from "./quick-argon2.ts";
import { TEST_KEYS } from "./secret-key.ts";

export interface TestApp {
  app: App;
  services: Services;
  clock: Clock;
  /** Closes the database. */
  close: () => Promise<void>;
  /** Every line logged so far. */
  logged: string[];
  /** With POSTERN_MAIL_URL: sends what waits in the outbox. @returns the mails that went out */
  deliver: () => Promise<Message[]>;
  addUser: (input: NewUser) => Promise<User>;
}

/** With any password, weak ones included. */
export type NewUser = Partial<Omit<UserInput, "password">> & { username: string; password: string };

/** The clock of the test. The test turns it. */
export interface Clock {
  now: number;
  advance: (seconds: number) => void;
}

/** The whole application on a new, empty database, or on the given one. */
export async function createTestApp(
  environment: Record<string, string> = {},
  database?: { db: Db; close: () => Promise<void> },
): Promise<TestApp> {
  const { db, close } = database ?? (await openTestDatabase());
  const clock: Clock = {
    now: Date.UTC(2026, 0, 1),
    advance: (seconds) => {
      clock.now += seconds * 1000;
    },
  };
  const logged: string[] = [];
  const mails: Message[] = [];
  const now = () => clock.now;
  const metrics = createMetrics(now, { version: "test", database: "test" });
  const config = parseConfig(environment);
  const services: Services = {
    config,
    db,
    hasher: createHasher({ concurrency: 2, maxWaiting: 1000, argon2: QUICK_ARGON2, watch: metrics.watchHashes }),
    keys: TEST_KEYS,
    assertions: createAssertions(TEST_KEYS.assertion, now),
    mail: config.mailUrl && makeMailService(capture(mails), { name: "", address: "login@postern.test" }, ORIGIN),
    log: createLog((line) => logged.push(line), now),
    metrics,
    droppedLines: () => 0,
    lifecycle: { isStopping: false },
    now,
  };
  return {
    app: createApp(services),
    services,
    close,
    clock,
    logged,
    deliver: async () => {
      const before = mails.length;
      if (services.mail) while (await deliverNext(services, services.mail));
      return mails.slice(before);
    },
    addUser: (input) => addUser(services, input),
  };
}

/** The origin of the links in mails. */
export const ORIGIN = "http://postern.test";

/** The settings with which mail is on. */
export const MAIL = { POSTERN_MAIL_URL: "console:", PUBLIC_URL: ORIGIN };

function capture(mails: Message[]): Transport {
  return {
    send: async (message) => {
      mails.push(message);
      return { kind: "sent" };
    },
    close: () => {},
  };
}

/** The token of the one link in a mail. */
export function tokenIn({ text }: Message): string {
  const [, token] = /\?token=([a-z2-7]{32})/.exec(text) ?? [];
  if (token === undefined) throw new Error(`no link in: ${text}`);
  return token;
}

export async function addUser(services: Services, input: NewUser): Promise<User> {
  const defaults = { email: "", firstName: "", lastName: "", isStaff: false, isSuperuser: false };
  const user = await createUser(services, OPERATOR, { ...defaults, ...input, password: anyPassword(input.password) });
  if (typeof user === "string") throw new Error(user);
  return user;
}

/** A password that counts as validated, weak or not. */
export function anyPassword(password: string): AcceptedPassword {
  const accepted = acceptAnyPassword(password);
  if (typeof accepted !== "string") throw new Error(accepted.map(wireText).join(" "));
  return accepted;
}
