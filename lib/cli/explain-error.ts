import { DatabaseError } from "../../db/error.ts";
import { explainSystemError, REMEDY } from "../../db/explain.ts";
import { sqliteFile } from "../../db/open.ts";
import { isDamage, isOutage } from "../../db/outage.ts";
import { ConfigError } from "../config/config.ts";
import { ListenError } from "../runtime/runtime.ts";
import { CommandError, UsageError } from "./errors.ts";

const EXPLAINED = [CommandError, UsageError, ConfigError, DatabaseError, ListenError];

/**
 * The sentence that says what is wrong and what to do next.
 *
 * @param databaseUrl null if the settings cannot be read
 * @returns null for a bug: print its stack trace
 */
export function explainError(error: unknown, databaseUrl: string | null): string | null {
  if (!(error instanceof Error)) return null;
  const file = databaseUrl === null ? null : sqliteFile(databaseUrl);
  const postgres = databaseUrl === null || file !== null ? null : explainPostgres(rootOf(error), databaseUrl);
  if (postgres !== null) return postgres;
  if (EXPLAINED.some((kind) => error instanceof kind)) return error.message;
  if (file !== null && isDamage(error)) return `The database ${file} is damaged: ${error.message}. ${REMEDY(file)}.`;
  const system = explainSystemError(error);
  if (system !== null) return `The command cannot go on: ${system}.`;
  return isOutage(error) ? `The database is not available: ${error.message}. Try again.` : null;
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** The codes are of Postgres (https://www.postgresql.org/docs/current/errcodes-appendix.html), the resolver and the network. */
function explainPostgres(error: Error, databaseUrl: string): string | null {
  if (!URL.canParse(databaseUrl)) return null;
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  const address = `${hostname || "localhost"} port ${port || 5432}`;
  const code = "code" in error ? String(error.code) : "";
  const user = decoded(username);
  const name = decoded(pathname.slice(1));
  const sentences: Record<string, string> = {
    ECONNREFUSED: `No Postgres answers at ${address} (${code}). Start it, or set DATABASE_URL.`,
    ENOTFOUND: `The host ${hostname} of the Postgres is unknown. Set DATABASE_URL.`,
    EAI_AGAIN: `The host ${hostname} of the Postgres cannot be looked up: the name server does not answer. Try again.`,
    ETIMEDOUT: `No Postgres answers at ${address} (${code}). Set DATABASE_URL, or open the firewall.`,
    "23505": "Another command gave the same name at the same moment. Try again.",
    "28P01": `Postgres denied user ${user}: the password is wrong. Set DATABASE_URL.`,
    "28000": `Postgres denied user ${user}: ${error.message}. Create the role, or allow it in pg_hba.conf.`,
    "3D000": `Postgres has no database ${name}. Create it (createdb ${name}), or set DATABASE_URL.`,
    "42501": `Postgres denied user ${user}: ${error.message}. Grant the user all on the database and its schema.`,
    "53300": `Postgres has no connection left: ${error.message}. Lower POSTERN_DATABASE_POOL_SIZE, or raise its max_connections.`,
  };
  const isSilent = error.message.startsWith("timeout exceeded when trying to connect");
  return sentences[isSilent ? "ETIMEDOUT" : code] ?? null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
