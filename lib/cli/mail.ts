import { dropMails, listMails, type Mail, retryMails } from "../../db/mails.ts";
import { findUsernames } from "../../db/users.ts";
import type { Services } from "../services.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { printJson, printTable, readPages } from "./listing.ts";
import { plural } from "./progress.ts";
import { formatInstant } from "./users.ts";

export const MAIL_COMMAND: Command = {
  name: "mail",
  operand: "",
  options: {
    json: { type: "boolean", about: "Print JSON." },
    retry: {
      type: "string",
      value: "ID|all",
      about: "Send a mail at the next opportunity, or all, the given-up ones too.",
    },
    drop: { type: "string", value: "ID|all", about: "Delete a mail, or all that were given up." },
  },
  about: "List the mails that wait and those that were given up, or retry or drop them.",
  more: [
    "A mail that the server does not take is retried after 30 seconds, and then after growing waits of at most an hour.",
    "After a day, or if the server denies the recipient or the text, it is given up, and kept for 7 days.",
  ].join("\n"),
  run: async (cli, input) => {
    const { retry, drop } = input.values;
    if (Object.keys(input.values).length + input.flags.size > 1) {
      throw new UsageError("--json, --retry and --drop exclude each other.");
    }
    const services = await cli.open();
    if (retry !== undefined) return retryNamed(cli, services, retry);
    if (drop !== undefined) return dropNamed(cli, services, drop);
    await list(cli, services, input);
  },
};

const idOf = (typed: string) => (typed === "all" ? null : typed);

async function retryNamed({ terminal }: Cli, { db, mail, now }: Services, typed: string): Promise<void> {
  const count = await retryMails(db, idOf(typed), now());
  if (count === 0 && typed !== "all")
    throw new CommandError(`No mail "${typed}" waits. It was sent, or is being sent.`);
  const who = mail === null ? "POSTERN_MAIL_URL is not set: no server sends them." : "A running server sends them now.";
  terminal.print(`${plural(count, "mail")} to send. ${count === 0 ? "" : who}`.trimEnd());
}

async function dropNamed({ terminal }: Cli, { db }: Services, typed: string): Promise<void> {
  const count = await dropMails(db, idOf(typed));
  if (count === 0 && typed !== "all") throw new CommandError(`There is no mail "${typed}".`);
  terminal.print(`${plural(count, "mail")} dropped.`);
}

/** With the name of its user, if it goes to the user's own address. */
type ListedMail = Mail & { username: string | null };

const HEADINGS = ["ID", "PURPOSE", "TO", "WRITTEN", "ATTEMPTS", "NEXT", "LAST ERROR"];

async function list(cli: Cli, { db }: Services, input: Input): Promise<void> {
  const pages = readPages<ListedMail>(async (after, limit) => {
    const mails = await listMails(db, { after, limit });
    const names = await findUsernames(db, [...new Set(mails.flatMap(({ userId }) => userId ?? []))]);
    return mails.map((mail) => ({ ...mail, username: names.get(mail.userId ?? 0) ?? null }));
  });
  if (input.flags.has("json")) return printJson(cli.terminal, pages, toJson);
  await printTable(cli.terminal, HEADINGS, pages, toRow);
}

/** `sending` also if the node that sent it died: another one takes it when `dueAt` has passed. */
function stateOf({ attempts, error, failedAt }: Mail): "waiting" | "sending" | "given up" {
  if (failedAt !== null) return "given up";
  return attempts > 0 && error === "" ? "sending" : "waiting";
}

function toRow(mail: ListedMail): string[] {
  const state = stateOf(mail);
  return [
    mail.id,
    mail.purpose,
    mail.address || (mail.username ?? ""),
    formatInstant(mail.createdAt),
    String(mail.attempts),
    state === "waiting" ? formatInstant(mail.dueAt) : state,
    mail.error,
  ];
}

function toJson(mail: ListedMail): Record<string, unknown> {
  const { id, purpose, address, username, createdAt, attempts, dueAt, error } = mail;
  return {
    id,
    purpose,
    address,
    username,
    created_at: new Date(createdAt).toISOString(),
    attempts,
    state: stateOf(mail),
    due_at: new Date(dueAt).toISOString(),
    error,
  };
}
