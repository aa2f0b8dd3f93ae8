import { listLiveSessions, type Session } from "../../db/sessions.ts";
import { OPERATOR } from "../audit/actor.ts";
import { clearExpired } from "../ops/clear-expired.ts";
import { lifetime } from "../session/lifetime.ts";
import { endSessions } from "../users/end-sessions.ts";
import { forgetDevicesOf } from "../users/forget-devices.ts";
import type { Cli, Command, Input } from "./command.ts";
import { printJson, printTable, readPages } from "./listing.ts";
import { plural } from "./progress.ts";
import { formatInstant, requireUser } from "./users.ts";

export const SESSION_COMMANDS: Command[] = [
  {
    name: "sessions",
    operand: "USER",
    options: { json: { type: "boolean", about: "Print JSON." } },
    about: "List a user's live sessions.",
    run: list,
  },
  {
    name: "logoutuser",
    operand: "USER",
    options: {},
    about: "End every session of a user.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const count = await endSessions(services, OPERATOR, user);
      cli.terminal.print(`${plural(count, "session")} of ${user.username} ended.`);
    },
  },
  {
    name: "forgetdevices",
    operand: "USER",
    options: {},
    about: "Forget the known devices of a user. The next login of each remembered browser needs the second factor.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const count = await forgetDevicesOf(services, OPERATOR, user);
      cli.terminal.print(`${plural(count, "device")} of ${user.username} forgotten.`);
    },
  },
  {
    name: "clearsessions",
    operand: "",
    options: {},
    about: "Delete expired sessions, devices, throttles and one-time links. A running server does so every hour.",
    run: async (cli) => {
      const services = await cli.open();
      const { cleared, ended } = await clearExpired(services);
      cli.terminal.print(`${plural(cleared, "session")} cleared.`);
      if (ended > 0) cli.terminal.print(`${plural(ended, "session")} over the limit ended.`);
    },
  },
];

const HEADINGS = ["STARTED", "LAST SEEN", "EXPIRES", "ADDRESS", "USER AGENT"];

async function list(cli: Cli, input: Input): Promise<void> {
  const services = await cli.open();
  const user = await requireUser(services, input);
  const span = lifetime(services);
  const pages = readPages<Session>((after, limit) =>
    listLiveSessions(services.db, user.id, span, { after, exceptId: null, limit }),
  );
  if (input.flags.has("json")) return printJson(cli.terminal, pages, toJson);
  await printTable(cli.terminal, HEADINGS, pages, (session) => Object.values(toJson(session)));
}

function toJson({ createdAt, lastSeenAt, expiresAt, ip, userAgent }: Session): Record<string, string> {
  return {
    created_at: formatInstant(createdAt),
    last_seen_at: formatInstant(lastSeenAt),
    expires_at: formatInstant(expiresAt),
    ip,
    user_agent: userAgent,
  };
}
