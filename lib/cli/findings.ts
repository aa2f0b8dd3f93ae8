import type { Inspection } from "../../db/inspect.ts";
import { explainSchema } from "../../db/migrate.ts";
import { isPostgresUrl } from "../../db/open.ts";
import { isPrivate } from "../../db/postgres.ts";
import type { Config } from "../config/config.ts";
import { isSameSite } from "../http/site.ts";
import { plural } from "./progress.ts";

/** Something about the settings or the database that is worth knowing in production. */
export interface Finding {
  /** `error`: it does not work. `unsafe`: it works, and should not be left so. `info`: good to know. */
  level: "error" | "unsafe" | "info";
  /** For machines; it stays the same when the words change. */
  code: string;
  message: string;
  /** The setting, or the command, that mends it. */
  mend: string | null;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|.+\.localhost)$/;

/** Every mistake that stops the start. */
export function configMistakes(mistakes: string[]): Finding[] {
  return mistakes.map((message) => {
    const mend = /^[A-Z_]+/.exec(message)?.[0] ?? null;
    return { level: "error", code: "setting", message, mend };
  });
}

/** What the settings allow, and production should not. */
export function configFindings(config: Config): Finding[] {
  return [
    ...publicUrlFindings(config),
    ...cookieFindings(config),
    ...originFindings(config),
    ...hostNameFindings(config),
    ...proxyFindings(config),
    ...throttleFindings(config),
    ...postgresFindings(config),
  ];
}

function postgresFindings({ databaseUrl }: Config): Finding[] {
  if (!isPostgresUrl(databaseUrl) || isPrivate(databaseUrl)) return [];
  const message =
    "DATABASE_URL leads to a Postgres on another machine without TLS, or without a check of its certificate: " +
    "the network can read password hashes and sessions. Add sslmode=verify-full to it.";
  return [{ level: "unsafe", code: "database_without_tls", message, mend: "DATABASE_URL" }];
}

function throttleFindings({ throttle }: Config): Finding[] {
  if (throttle) return [];
  const message = "POSTERN_THROTTLE is off: passwords can be guessed as fast as they can be hashed.";
  return [{ level: "unsafe", code: "throttle_off", message, mend: "POSTERN_THROTTLE" }];
}

function publicUrlFindings({ publicUrl, secureCookies }: Config): Finding[] {
  const common = { level: "unsafe", mend: "PUBLIC_URL" } as const;
  if (publicUrl === null) {
    const message = "PUBLIC_URL is not set: any Host is answered, and cookies are not Secure.";
    return [{ ...common, code: "public_url_unset", message }];
  }
  if (secureCookies || LOOPBACK.test(new URL(publicUrl).hostname)) return [];
  const message = `PUBLIC_URL is ${publicUrl}: without https, whoever is on the way can read passwords and sessions.`;
  return [{ ...common, code: "public_url_http", message }];
}

function cookieFindings({ cookieDomain, secureCookies, sessionCookieName }: Config): Finding[] {
  if (cookieDomain !== null) {
    const message = `POSTERN_COOKIE_DOMAIN is set: every host of ${cookieDomain} can read and plant the session cookie.`;
    return [{ level: "unsafe", code: "cookie_domain", message, mend: "POSTERN_COOKIE_DOMAIN" }];
  }
  if (!secureCookies || /^__host-/i.test(sessionCookieName)) return [];
  const message = `The session cookie is named ${sessionCookieName}, without __Host-: sibling hosts can plant it.`;
  return [{ level: "unsafe", code: "cookie_name", message, mend: "POSTERN_SESSION_COOKIE_NAME" }];
}

function originFindings({ publicUrl, trustedOrigins }: Config): Finding[] {
  if (publicUrl === null) return [];
  return [...trustedOrigins]
    .filter((origin) => !isSameSite(origin, publicUrl))
    .map((origin) => ({
      level: "error",
      code: "foreign_origin",
      message: `POSTERN_TRUSTED_ORIGINS names ${origin}, of another site than ${publicUrl}: browsers never send it the cookies.`,
      mend: "POSTERN_TRUSTED_ORIGINS",
    }));
}

/** https ends at a proxy. For the throttle, its address is that of every client whose address it does not tell. */
function proxyFindings({ secureCookies, trustedProxies, throttle }: Config): Finding[] {
  if (!secureCookies || trustedProxies.count > 0 || !throttle) return [];
  const message =
    "PUBLIC_URL is https, and no proxy is trusted. Every client seems to have the proxy's address: " +
    "wrong passwords from anyone count for everyone, and after enough of them all logins are denied.";
  return [{ level: "unsafe", code: "no_trusted_proxies", message, mend: "POSTERN_TRUSTED_PROXIES" }];
}

/** RFC 1123 §2.1 and RFC 5890 §2.3.1: letters, digits and hyphens. The CA/Browser Forum forbids certificates for others. */
function hostNameFindings({ publicUrl, trustedOrigins }: Config): Finding[] {
  const named = [
    ...(publicUrl === null ? [] : [{ mend: "PUBLIC_URL", origin: publicUrl }]),
    ...[...trustedOrigins].map((origin) => ({ mend: "POSTERN_TRUSTED_ORIGINS", origin })),
  ];
  return named
    .filter(({ origin }) => new URL(origin).hostname.includes("_"))
    .map(({ mend, origin }) => ({
      level: "unsafe",
      code: "host_name",
      message: `${mend} names ${origin}: a host name has no underscore, and no public authority certifies it.`,
      mend,
    }));
}

export function databaseFindings({ schema, exposedFiles, damage, content }: Inspection): Finding[] {
  const exposed = exposedFiles.map(
    (file): Finding => ({
      level: "unsafe",
      code: "file_mode",
      message: `${file} can be read or written by others than its owner, and holds password hashes.`,
      mend: `chmod 600 ${file}`,
    }),
  );
  const damaged = damage.slice(0, 1).map(
    (line): Finding => ({
      level: "error",
      code: "damaged",
      message: `The database is damaged: ${line}.`,
      mend: "restore",
    }),
  );
  return [...schemaFindings(schema), ...damaged, ...exposed, ...(content === null ? [] : contentFindings(content))];
}

/** @param folder in which SQLite creates its log beside the database */
export function folderFinding(folder: string): Finding {
  return {
    level: "error",
    code: "folder_not_writable",
    message: `The folder ${folder} cannot be written by this user: SQLite creates its log there, beside the database.`,
    mend: `chown ${folder} to the user of the server`,
  };
}

/** A database that ends with its process cannot be asked by another one. */
export const MEMORY_FINDING: Finding = {
  level: "error",
  code: "memory",
  message: "The database is in memory: every user and session is gone when the server stops.",
  mend: "DATABASE_URL",
};

function schemaFindings(schema: Inspection["schema"]): Finding[] {
  if (schema.kind === "current") return [];
  const problem = explainSchema(schema);
  if (problem !== null) return [{ level: "error", code: schema.kind, message: problem, mend: "DATABASE_URL" }];
  const what =
    schema.kind === "empty" ? "has no tables yet" : `is not up to date: ${schema.names.join(", ")} is missing`;
  return [{ level: "error", code: "not_migrated", message: `The database ${what}.`, mend: "migrate" }];
}

function contentFindings(content: NonNullable<Inspection["content"]>): Finding[] {
  const findings: Finding[] = [];
  const { hasSuperuser, endedSessions } = content;
  if (!hasSuperuser) {
    const message = "There is no superuser who may log in.";
    findings.push({ level: "info", code: "no_superuser", message, mend: "createsuperuser" });
  }
  if (endedSessions > 0) {
    const message = `Still stored, though over for hours: ${plural(endedSessions, "session")}. No server has cleared them.`;
    findings.push({ level: "error", code: "sessions_not_cleared", message, mend: "clearsessions" });
  }
  return findings;
}
