import type { Inspection } from "../../db/inspect.ts";
import { explainSchema } from "../../db/migrate.ts";
import { isPostgresUrl, loadPostgres } from "../../db/open.ts";
import type { Config } from "../config/config.ts";
import { UNIX } from "../http/client-address.ts";
import { isSameSite } from "../http/site.ts";
import { unixPath } from "../runtime/unix-socket.ts";
import { plural } from "./progress.ts";

/** A fact about the settings or the database that matters in production. */
export interface Finding {
  /** `error`: it does not work. `unsafe`: it works, and production must not have it. `info`: good to know. */
  level: "error" | "unsafe" | "info";
  /** For programs. It stays the same if the message changes. */
  code: string;
  message: string;
  /** The setting or the command that fixes it. */
  mend: string | null;
}

export const PUBLIC_URL_UNSET = "PUBLIC_URL is not set: the server accepts every Host, and cookies are not Secure.";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|.+\.localhost)$/;

/** The errors that stop the server from starting. */
export function settingFindings(errors: string[]): Finding[] {
  return errors.map((message) => {
    const mend = /^[A-Z_]+/.exec(message)?.[0] ?? null;
    return { level: "error", code: "setting", message, mend };
  });
}

/** Settings that are valid, and that production must not have. */
export async function configFindings(config: Config): Promise<Finding[]> {
  return [
    ...publicUrlFindings(config),
    ...cookieFindings(config),
    ...originFindings(config),
    ...hostNameFindings(config),
    ...proxyFindings(config),
    ...throttleFindings(config),
    ...(await postgresFindings(config)),
  ];
}

async function postgresFindings({ databaseUrl }: Config): Promise<Finding[]> {
  if (!isPostgresUrl(databaseUrl)) return [];
  const { isPrivate } = await loadPostgres();
  if (isPrivate(databaseUrl)) return [];
  const message =
    "DATABASE_URL is a Postgres on another machine without TLS, or without a check of its certificate: " +
    "the network can read password hashes and sessions. Add sslmode=verify-full.";
  return [{ level: "unsafe", code: "database_without_tls", message, mend: "DATABASE_URL" }];
}

function throttleFindings({ throttle }: Config): Finding[] {
  if (throttle) return [];
  const message = "POSTERN_THROTTLE is off: an attacker can guess passwords without a limit.";
  return [{ level: "unsafe", code: "throttle_off", message, mend: "POSTERN_THROTTLE" }];
}

function publicUrlFindings({ publicUrl, secureCookies }: Config): Finding[] {
  const common = { level: "unsafe", mend: "PUBLIC_URL" } as const;
  if (publicUrl === null) {
    return [{ ...common, code: "public_url_unset", message: PUBLIC_URL_UNSET }];
  }
  if (secureCookies || LOOPBACK.test(new URL(publicUrl).hostname)) return [];
  const message = `PUBLIC_URL is ${publicUrl}: without https, the network can read passwords and sessions.`;
  return [{ ...common, code: "public_url_http", message }];
}

function cookieFindings({ cookieDomain, secureCookies, sessionCookieName }: Config): Finding[] {
  if (cookieDomain !== null) {
    const message = cookieDomainSet(cookieDomain);
    return [{ level: "unsafe", code: "cookie_domain", message, mend: "POSTERN_COOKIE_DOMAIN" }];
  }
  if (!secureCookies || /^__host-/i.test(sessionCookieName)) return [];
  const message = `The session cookie is named ${sessionCookieName}, without __Host-: sibling hosts can set it.`;
  return [{ level: "unsafe", code: "cookie_name", message, mend: "POSTERN_SESSION_COOKIE_NAME" }];
}

export function cookieDomainSet(domain: string): string {
  return `POSTERN_COOKIE_DOMAIN is set: every host of ${domain} can read and set the session cookie.`;
}

function originFindings({ publicUrl, trustedOrigins }: Config): Finding[] {
  if (publicUrl === null) return [];
  return [...trustedOrigins]
    .filter((origin) => !isSameSite(origin, publicUrl))
    .map((origin) => ({
      level: "error",
      code: "foreign_origin",
      message: `POSTERN_TRUSTED_ORIGINS has ${origin}, which is another site than ${publicUrl}: browsers never send it the cookies.`,
      mend: "POSTERN_TRUSTED_ORIGINS",
    }));
}

/** https ends at a proxy. Without a trusted proxy, the throttle sees the proxy's address for every client. */
function proxyFindings({ host, secureCookies, trustedProxies, throttle }: Config): Finding[] {
  if (unixPath(host) !== null && !trustedProxies.has(UNIX)) {
    const message =
      "HOST is a Unix socket, and POSTERN_TRUSTED_PROXIES does not have unix: no client has an address, " +
      "so the throttle cannot tell them apart.";
    return [{ level: "unsafe", code: "no_trusted_proxies", message, mend: "POSTERN_TRUSTED_PROXIES" }];
  }
  if (!secureCookies || trustedProxies.count > 0 || !throttle) return [];
  const message =
    "PUBLIC_URL is https, and no proxy is trusted. The throttle sees the proxy's address for every client: " +
    "the wrong passwords of one client count for all clients, and can block every login.";
  return [{ level: "unsafe", code: "no_trusted_proxies", message, mend: "POSTERN_TRUSTED_PROXIES" }];
}

/** RFC 1123 §2.1 and RFC 5890 §2.3.1: letters, digits and hyphens. The CA/Browser Forum allows no certificate for others. */
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
      message: `${mend} has ${origin}: a host name has no underscore, and no public authority certifies it.`,
      mend,
    }));
}

export function databaseFindings({ schema, exposedFiles, damage, content }: Inspection): Finding[] {
  const exposed = exposedFiles.map(
    (file): Finding => ({
      level: "unsafe",
      code: "file_mode",
      message: `Other users can read or write ${file}, which has password hashes.`,
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

/** @param folder the folder of the database */
export function folderFinding(folder: string): Finding {
  return {
    level: "error",
    code: "folder_not_writable",
    message: `This user cannot write to the folder ${folder}. SQLite creates its log there, beside the database.`,
    mend: `chown ${folder} to the user of the server`,
  };
}

/** This process cannot read the memory of another one. */
export const MEMORY_FINDING: Finding = {
  level: "error",
  code: "memory",
  message: "The database is in memory: every user and session is lost when the server stops.",
  mend: "DATABASE_URL",
};

function schemaFindings(schema: Inspection["schema"]): Finding[] {
  if (schema.kind === "current") return [];
  const message = explainSchema(schema);
  if (message !== null) return [{ level: "error", code: schema.kind, message, mend: "DATABASE_URL" }];
  const what =
    schema.kind === "empty" ? "has no tables yet" : `is not up to date: ${schema.names.join(", ")} is missing`;
  return [{ level: "error", code: "not_migrated", message: `The database ${what}.`, mend: "migrate" }];
}

function contentFindings(content: NonNullable<Inspection["content"]>): Finding[] {
  const findings: Finding[] = [];
  const { hasSuperuser, endedSessions } = content;
  if (!hasSuperuser) {
    const message = "No superuser can log in.";
    findings.push({ level: "info", code: "no_superuser", message, mend: "createsuperuser" });
  }
  if (endedSessions > 0) {
    const message = `${plural(endedSessions, "session")} expired hours ago, and no server has deleted them.`;
    findings.push({ level: "error", code: "sessions_not_cleared", message, mend: "clearsessions" });
  }
  return findings;
}
