import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { CERTIFICATES } from "./support/certificates.ts";
import { denial, startMailServer } from "./support/mail-server.ts";
import { freePort } from "./support/postgres.ts";
import { createSandbox, type Sandbox } from "./support/process.ts";
import { PROGRAM } from "./support/runtime.ts";

const PROCESSES = { timeout: 60_000 };
const SETTINGS = { POSTERN_MAIL_FROM: "Postern <login@postern.test>", PUBLIC_URL: "https://login.postern.test" };

const sendBy = (sandbox: Sandbox, mailUrl: string, address = "alice@example.com") =>
  sandbox.run(["sendtestmail", address], { environment: { ...SETTINGS, POSTERN_MAIL_URL: mailUrl } });

/** @returns the sentence after the server's name */
async function errorOf(sandbox: Sandbox, mailUrl: string): Promise<string> {
  const { code, stdout, stderr } = await sendBy(sandbox, mailUrl);
  assert.deepEqual([code, stdout], [1, ""]);
  return stderr.trimEnd().replace(/^The mail server \S+ \(port \d+\) /, "");
}

describe("sendtestmail", () => {
  test("sends a mail without a database, and exits with 0", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    await using server = await startMailServer();
    const result = await sendBy(sandbox, `smtp://127.0.0.1:${server.port}`);
    const stdout = "Test mail to alice@example.com. The mail server has taken it.\n";
    assert.deepEqual(result, { code: 0, stdout, stderr: "" });
    const [{ mail, clientName } = assert.fail()] = server.received;
    assert.equal(mail.subject, "Test mail of Postern");
    assert.equal(mail.text, "Postern at https://login.postern.test can send mail.\n");
    assert.equal(clientName, "login.postern.test");
    assert.deepEqual(await readdir(sandbox.folder), []);
  });

  test("says in words what went wrong, and exits with 1", { timeout: 120_000 }, async () => {
    await using sandbox = await createSandbox();
    const at = ({ port }: { port: number }, login = "") => `smtp://${login}127.0.0.1:${port}`;
    assert.equal(
      await errorOf(sandbox, "smtp://no-such-host.invalid"),
      "has a name that does not exist. Correct POSTERN_MAIL_URL.",
    );
    assert.equal(
      await errorOf(sandbox, at({ port: await freePort() })),
      "is not running (ECONNREFUSED). Start it, or correct POSTERN_MAIL_URL.",
    );
    await using plain = await startMailServer();
    assert.match(
      await errorOf(sandbox, `smtps://127.0.0.1:${plain.port}`),
      /^does not speak TLS from the start \(\w+\)\. Use smtp:\/\/\.$/,
    );
    await using secure = await startMailServer({ secure: true, key: CERTIFICATES.other, cert: CERTIFICATES.other });
    assert.match(await errorOf(sandbox, `smtps://127.0.0.1:${secure.port}`), /^has a certificate /);
    await using strict = await startMailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: (_login, _session, done) => done(denial(535, "5.7.8 wrong password")),
    });
    assert.equal(
      await errorOf(sandbox, at(strict, "postern:secret@")),
      'denies the login of postern: "535 5.7.8 wrong password". Correct POSTERN_MAIL_URL.',
    );
    assert.match(
      await errorOf(sandbox, at(strict)),
      /^wants a login: "530 .*"\. Add user and password to POSTERN_MAIL_URL\.$/,
    );
    await using picky = await startMailServer({
      onMailFrom: (_from, _session, done) => done(denial(553, "5.7.1 not yours")),
    });
    assert.equal(
      await errorOf(sandbox, at(picky)),
      'denies the sender login@postern.test: "553 5.7.1 not yours". Set POSTERN_MAIL_FROM to an address that it allows.',
    );
    await using unknown = await startMailServer({
      onRcptTo: (_to, _session, done) => done(denial(550, "5.1.1 unknown")),
    });
    assert.equal(await errorOf(sandbox, at(unknown)), 'denies the recipient: "550 5.1.1 unknown".');
  });

  test("says that mail is off, that the settings are wrong, or that the address is", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const off = await sandbox.run(["sendtestmail", "alice@example.com"]);
    const unset = "POSTERN_MAIL_URL is not set: mail is off. Set it, such as smtp://USER:PASSWORD@HOST:587.\n";
    assert.deepEqual(off, { code: 1, stdout: "", stderr: unset });
    const wrong = await sendBy(sandbox, "smtp://user:secret@");
    assert.equal(wrong.code, 1);
    assert(wrong.stderr.includes("POSTERN_MAIL_URL") && !wrong.stderr.includes("secret"), wrong.stderr);
    const address = await sendBy(sandbox, "console:", "alice");
    assert.deepEqual([address.code, address.stderr], [2, '"alice" is not an email address.\n']);
    const none = await sandbox.run(["sendtestmail"]);
    assert.deepEqual([none.code, none.stderr], [2, `The address is missing. See: ${PROGRAM} help sendtestmail\n`]);
  });

  test("prints the mail with console:", PROCESSES, async () => {
    await using sandbox = await createSandbox();
    const { code, stdout, stderr } = await sendBy(sandbox, "console:");
    assert.equal(code, 0);
    assert.equal(stdout, "Test mail to alice@example.com. Printed, not sent: POSTERN_MAIL_URL is console:.\n");
    assert.match(
      stderr,
      /^From: Postern <login@postern\.test>\nTo: alice@example\.com\nSubject: Test mail of Postern\n\n/,
    );
  });
});
