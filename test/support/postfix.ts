import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ParsedMail, simpleParser } from "mailparser";
import { CERTIFICATES } from "./certificates.ts";
import { until } from "./poll.ts";
import { freePort } from "./postgres.ts";
import { start } from "./process.ts";

/** Debian's postfix, in a folder of its own. It takes mail for `alice@example.com` alone. */
export interface Postfix extends AsyncDisposable {
  /** A port without TLS, one with STARTTLS, which it requires, and one with TLS from the start. */
  ports: { plain: number; starting: number; implicit: number };
  /** The mails in the mailbox so far, in no order. */
  mailbox: () => Promise<ParsedMail[]>;
}

/** The owner of the mailbox. Postfix writes no mail as root. */
const MAILBOX_USER = 65534;

/** Its services, without those that listen or that send. https://www.postfix.org/master.5.html */
const SERVICES = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`;

/** Only root may start it. */
export async function startPostfix(): Promise<Postfix> {
  const folder = await mkdtemp(join(tmpdir(), "postfix-"));
  await chmod(folder, 0o755);
  const place = (name: string) => join(folder, name);
  for (const name of ["etc", "queue", "data", "mail"]) await mkdir(place(name));
  await chown(place("data"), ...(await idsOf("postfix")));
  await chown(place("mail"), MAILBOX_USER, MAILBOX_USER);
  const [plain, starting, implicit] = [await freePort(), await freePort(), await freePort()];
  await writeFile(place("etc/tls.pem"), CERTIFICATES.localhost, { mode: 0o600 });
  await writeFile(place("etc/main.cf"), settings(place));
  const required = "-o smtpd_tls_security_level=encrypt";
  const listeners = [
    `127.0.0.1:${plain} inet n - n - - smtpd -o smtpd_tls_security_level=none`,
    `127.0.0.1:${starting} inet n - n - - smtpd ${required}`,
    `127.0.0.1:${implicit} inet n - n - - smtpd ${required} -o smtpd_tls_wrappermode=yes`,
  ];
  await writeFile(place("etc/master.cf"), `${listeners.join("\n")}\n${SERVICES}`);
  const control = (command: string) => start(["/usr/sbin/postfix", "-c", place("etc"), command], folder).ended;
  const { code, stderr } = await control("start");
  const log = async () => (existsSync(place("log")) ? readFile(place("log"), "utf8") : "");
  if (code !== 0) throw new Error(`postfix does not start: ${stderr}${await log()}`);
  await until("postfix has started", async () => (await log()).includes("daemon started"));
  return {
    ports: { plain, starting, implicit },
    mailbox: async () => {
      const arrived = place("mail/alice/new");
      const names = existsSync(arrived) ? await readdir(arrived) : [];
      return Promise.all(names.map(async (name) => simpleParser(await readFile(join(arrived, name)))));
    },
    [Symbol.asyncDispose]: async () => {
      await control("stop");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** https://www.postfix.org/postconf.5.html */
function settings(place: (name: string) => string): string {
  return `compatibility_level = 3.6
queue_directory = ${place("queue")}
data_directory = ${place("data")}
maillog_file = ${place("log")}
maillog_file_prefixes = ${place("")}
myhostname = postfix.test
mydestination =
mynetworks =
inet_protocols = ipv4
smtputf8_enable = no
smtpd_tls_chain_files = ${place("etc/tls.pem")}
smtpd_relay_restrictions = reject_unauth_destination
alias_maps =
alias_database =
virtual_mailbox_domains = example.com
virtual_mailbox_base = ${place("mail")}
virtual_mailbox_maps = inline:{ alice@example.com=alice/ }
virtual_uid_maps = static:${MAILBOX_USER}
virtual_gid_maps = static:${MAILBOX_USER}
virtual_transport = virtual
default_transport = error:no mail leaves this machine
relay_transport = error:no mail leaves this machine
`;
}

/** @returns user and group of the system */
async function idsOf(name: string): Promise<[number, number]> {
  const [, uid, gid] = RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(await readFile("/etc/passwd", "utf8")) ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${name}`);
  return [Number(uid), Number(gid)];
}
