import { setTimeout } from "node:timers/promises";
import { type Db, transaction } from "../../db/open.ts";
import { SYSTEM } from "../../lib/audit/actor.ts";
import { enqueue } from "../../lib/mail/enqueue.ts";
import { type MailServer, type Received, startMailServer } from "../support/mail-server.ts";
import { until } from "../support/poll.ts";
import { freePort } from "../support/postgres.ts";
import type { Sandbox, Server } from "../support/process.ts";

// Sends SIGKILL to a node while mails go out to a real SMTP server.

export interface MailFigures {
  mails: number;
  kills: number;
  /** Mails that the server has taken, each time counted. */
  received: number;
  lost: number;
  doubled: number;
  /** Doubled mails whose copies are not the same. */
  different: number;
}

export const recipientOf = (index: number): string => `user${index}@example.com`;

/** Stores an invitation for each of so many addresses. */
export async function queueMails(db: Db, count: number): Promise<void> {
  await transaction(db, async (db) => {
    for (let index = 0; index < count; index++) {
      const post = { purpose: "invite", user: null, address: recipientOf(index), language: "en" } as const;
      await enqueue(db, { now: Date.now }, SYSTEM, post);
    }
  });
}

export const mailSettings = ({ port }: MailServer): Record<string, string> => ({
  POSTERN_MAIL_URL: `smtp://127.0.0.1:${port}`,
  POSTERN_MAIL_FROM: "login@postern.test",
  POSTERN_SIGNUP: "invite",
  POSTERN_THROTTLE: "off",
});

/**
 * Kills the node so often while a queue goes out.
 *
 * @returns the mail server, and the node that sent the last mails
 */
export async function killWhileSending(
  sandbox: Sandbox,
  { mails, kills, random }: { mails: number; kills: number; random: () => number },
): Promise<{ mailServer: MailServer; server: Server }> {
  const mailServer = await startMailServer();
  const port = String(await freePort());
  const environment = { ...mailSettings(mailServer), PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` };
  await sandbox.run(["migrate"]);
  await sandbox.withDatabase((db) => queueMails(db, mails));
  for (let times = 1; times <= kills; times++) {
    const server = await sandbox.serve({ environment }, ["serve"], { isHasty: true });
    const target = Math.floor((mails * times) / (kills + 1));
    await arrived(mailServer, target);
    await setTimeout(random() * 5);
    await server.stop("SIGKILL");
    await sandbox.withDatabase(endLeases);
  }
  const server = await sandbox.serve({ environment }, ["serve"], { isHasty: true });
  await arrived(mailServer, mails);
  await until("no mail waits", () => sandbox.withDatabase(isEmpty));
  return { mailServer, server };
}

/** Waits for as long as mails arrive. */
export async function arrived({ received }: MailServer, count: number): Promise<void> {
  while (received.length < count) {
    const next = Math.min(received.length + 20, count);
    await until(`${next} mails arrived`, () => received.length >= next);
  }
}

/** As if five minutes had passed: the killed node does not count as alive any more. */
async function endLeases(db: Db): Promise<void> {
  const leased = db.updateTable("mails").where("attempts", ">", 0).where("error", "=", "");
  await leased.set({ due_at: 0 }).execute();
}

export async function isEmpty(db: Db): Promise<boolean> {
  return (await db.selectFrom("mails").select("id").limit(1).execute()).length === 0;
}

export function countMails(received: readonly Received[], mails: number, kills: number): MailFigures {
  const copies = Map.groupBy(received, ({ to }) => to[0] ?? "");
  const doubled = [...copies.values()].filter(({ length }) => length > 1);
  const lost = Array.from({ length: mails }, (_, index) => recipientOf(index)).filter((to) => !copies.has(to));
  const different = doubled.filter((same) => new Set(same.map(contentOf)).size > 1);
  const counts = { lost: lost.length, doubled: doubled.length, different: different.length };
  return { mails, kills, received: received.length, ...counts };
}

/** All that a reader or a mail program sees: the boundary between the parts is another one each time. */
function contentOf({ from, mail: { messageId, date, subject, text, html } }: Received): string {
  return JSON.stringify([from, messageId, date, subject, text, html]);
}
