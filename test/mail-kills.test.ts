import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openDatabase } from "../db/open.ts";
import { arrived, countMails, isEmpty, killWhileSending, mailSettings, queueMails } from "./faults/mail-kills.ts";
import { createRandom } from "./faults/random.ts";
import { IS_LONG, SEED } from "./support/effort.ts";
import { type Received, startMailServer } from "./support/mail-server.ts";
import { until } from "./support/poll.ts";
import { usePostgres } from "./support/postgres.ts";
import { createSandbox, type Server } from "./support/process.ts";

const PROCESSES = { timeout: 300_000 };

const [MAILS, KILLS] = IS_LONG ? [1000, 10] : [60, 3];

/** Uses the link of a mail. @returns the status */
async function signUp(server: Server, { mail }: Received, username: string): Promise<number> {
  const [, token] = /\?token=(\w+)/.exec(mail.text ?? "") ?? [];
  const { status } = await fetch(`${server.url}/signup/confirm/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, username, password: "speak, friend, and enter" }),
  });
  return status;
}

describe("the mailer", () => {
  const postgres = usePostgres(PROCESSES);

  test(
    "killed again and again sends every mail, doubled ones unchanged, with links that work once",
    PROCESSES,
    async () => {
      await using sandbox = await createSandbox();
      const random = createRandom(SEED);
      const { mailServer, server } = await killWhileSending(sandbox, { mails: MAILS, kills: KILLS, random });
      await using _ = mailServer;
      const figures = countMails(mailServer.received, MAILS, KILLS);
      process.stdout.write(`Seed ${SEED}. Mails under SIGKILL: ${JSON.stringify(figures)}\n`);
      assert.deepEqual([figures.lost, figures.different], [0, 0]);
      // At most the mails that were under way, at each kill.
      assert(figures.doubled <= 4 * KILLS, String(figures.doubled));
      const used = new Set<string>();
      for (const [index, mail] of mailServer.received.entries()) {
        const [to = ""] = mail.to;
        assert.equal(await signUp(server, mail, `u${index}`), used.has(to) ? 400 : 201, to);
        used.add(to);
      }
      for (const mail of mailServer.received.slice(0, 10)) assert.equal(await signUp(server, mail, "again"), 400);
    },
  );

  test("on two nodes sends no mail twice", PROCESSES, async () => {
    await using mailServer = await startMailServer();
    await using sandbox = await createSandbox();
    const url = await postgres.createDatabase("mails");
    const environment = { ...mailSettings(mailServer), DATABASE_URL: url, PUBLIC_URL: "http://127.0.0.1" };
    const nodes = await Promise.all([sandbox.serve({ environment }), sandbox.serve({ environment })]);
    const db = await openDatabase(url, { mayCreate: false, poolSize: 1 });
    await queueMails(db, MAILS);
    await arrived(mailServer, MAILS);
    await until("no mail waits", () => isEmpty(db));
    await db.destroy();
    for (const node of nodes) await node.stop();
    const shares = nodes.map((node) => node.events().filter(({ event }) => event === "mail_sent").length);
    process.stdout.write(`Two nodes sent ${shares.join(" and ")} of ${MAILS} mails\n`);
    assert.deepEqual(countMails(mailServer.received, MAILS, 0), {
      mails: MAILS,
      kills: 0,
      received: MAILS,
      lost: 0,
      doubled: 0,
      different: 0,
    });
  });
});
