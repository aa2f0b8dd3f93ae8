import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mailSettings, queueMails } from "./faults/mail-kills.ts";
import { embed } from "./support/embedded.ts";
import { startMailServer } from "./support/mail-server.ts";
import { until } from "./support/poll.ts";
import { freePort } from "./support/postgres.ts";
import { createSandbox } from "./support/process.ts";

const PROCESSES = { timeout: 60_000 };

describe("mail is sent", () => {
  test("by an embedded Postern, until it is closed", async () => {
    await using mailServer = await startMailServer();
    await using embedded = await embed({
      mailUrl: `smtp://127.0.0.1:${mailServer.port}`,
      mailFrom: "login@postern.test",
      publicUrl: "http://postern.test",
    });
    const asked = await embedded.client.post(
      "/password/reset/",
      { username: "alice" },
      { Origin: "http://postern.test" },
    );
    assert.equal(asked.status, 202);
    await mailServer.until(1);
    assert.deepEqual(mailServer.received[0]?.to, ["alice@example.com"]);
    assert.match(mailServer.received[0]?.mail.text ?? "", /http:\/\/postern\.test\/password\/reset\/confirm\/\?token=/);
    await embedded.postern.close();
    assert(embedded.lines.some((line) => line.includes('"event":"mail_sent"')));
  });

  test("by one process alone if there are workers", PROCESSES, async () => {
    await using mailServer = await startMailServer();
    await using sandbox = await createSandbox();
    const port = await freePort();
    const environment = {
      ...mailSettings(mailServer),
      PORT: String(port),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      POSTERN_WORKERS: "2",
    };
    const server = await sandbox.serve({ environment });
    await sandbox.withDatabase((db) => queueMails(db, 20));
    await mailServer.until(20);
    await until("all are noted", () => server.events().filter(({ event }) => event === "mail_sent").length === 20);
    assert(server.events().every(({ event, worker }) => event !== "mail_sent" || worker === undefined));
    assert.equal((await server.stop()).code, 0);
    assert.equal(mailServer.received.length, 20);
  });
});
