import { listLiveSessions } from "../../db/sessions.ts";
import { endSessions } from "../account/credentials.ts";
import { clearSessions, lifetime } from "../session.ts";
import { clearThrottles } from "../throttle.ts";
import type { Command } from "./command.ts";
import { formatJson, formatTable } from "./terminal.ts";
import { formatInstant, requireUser } from "./users.ts";

export const SESSION_COMMANDS: Command[] = [
  {
    name: "sessions",
    operand: "USER",
    options: { json: { type: "boolean", about: "Print JSON." } },
    about: "List a user's live sessions.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const sessions = await listLiveSessions(services.db, user.id, lifetime(services));
      const rows = sessions.map(({ createdAt, lastSeenAt, expiresAt, ip, userAgent }) => ({
        created_at: formatInstant(createdAt),
        last_seen_at: formatInstant(lastSeenAt),
        expires_at: formatInstant(expiresAt),
        ip,
        user_agent: userAgent,
      }));
      if (input.flags.has("json")) return cli.terminal.print(formatJson(rows));
      const headings = ["STARTED", "LAST SEEN", "EXPIRES", "ADDRESS", "USER AGENT"];
      cli.terminal.print(
        formatTable(
          headings,
          rows.map((row) => Object.values(row)),
        ),
      );
    },
  },
  {
    name: "logoutuser",
    operand: "USER",
    options: {},
    about: "End every session of a user.",
    run: async (cli, input) => {
      const services = await cli.open();
      const user = await requireUser(services, input);
      const count = await endSessions(services, user);
      cli.terminal.print(`${count} ${count === 1 ? "session" : "sessions"} of ${user.username} ended.`);
    },
  },
  {
    name: "clearsessions",
    operand: "",
    options: {},
    about: "Delete what is left of sessions, devices and throttles that are over. A running server does so every hour.",
    run: async (cli) => {
      const services = await cli.open();
      const count = await clearSessions(services);
      await clearThrottles(services);
      cli.terminal.print(`${count} ${count === 1 ? "session" : "sessions"} cleared.`);
    },
  },
];
