import { readHash } from "./django-hash.ts";
import { estimateMs, parseScheme } from "./hash-scheme.ts";
import { CURRENT_COST } from "./hasher.ts";

/** Counts of stored passwords. Each password is in one of them. */
export interface PasswordTally {
  /** Hashed with the current parameters. */
  ours: number;
  /** By algorithm: older hashes. The next login replaces each. */
  readable: Map<string, number>;
  /** By scheme: about how long the costliest of these takes to check, in milliseconds. */
  costs: Map<string, number>;
  /** `!…`: Django's mark of an account without a password. */
  unusable: number;
  empty: number;
  /** By algorithm: hashes that no password matches. */
  unreadable: Map<string, number>;
}

export function createTally(): PasswordTally {
  return { ours: 0, readable: new Map(), costs: new Map(), unusable: 0, empty: 0, unreadable: new Map() };
}

export function tallyPassword(tally: PasswordTally, encoded: string): void {
  if (encoded === "") tally.empty++;
  else if (encoded.startsWith("!")) tally.unusable++;
  else if (readHash(encoded) === null) increase(tally.unreadable, unreadableName(encoded));
  else if (encoded.startsWith(`${CURRENT_COST}$`)) tally.ours++;
  else {
    increase(tally.readable, readableName(encoded));
    const name = parseScheme(encoded)?.name ?? "";
    tally.costs.set(name, Math.max(tally.costs.get(name) ?? 0, estimateMs(encoded)));
  }
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function readableName(encoded: string): string {
  const [, algorithm = "md5", salt] = /^(\w+)\$(\$?)/.exec(encoded) ?? [];
  const isUnsalted = (algorithm === "md5" || algorithm === "sha1") && salt !== "";
  return isUnsalted ? `unsalted ${algorithm}` : algorithm;
}

const READ = /^(argon2|bcrypt|bcrypt_sha256|md5|pbkdf2_sha1|pbkdf2_sha256|scrypt|sha1)\$/;

/** A name, followed by as many characters as a hash has. A shorter text may be a plain password, and is not shown. */
const NAMED = /^((?:[a-z][a-z0-9_]{1,30}|\$[a-z0-9-]{1,15})\$).{16}|^(crypt\$)/s;

function unreadableName(encoded: string): string {
  const [, algorithm] = READ.exec(encoded) ?? [];
  if (algorithm !== undefined) return `damaged or too costly ${algorithm}`;
  const [, named, crypt] = NAMED.exec(encoded) ?? [];
  const name = named ?? crypt;
  if (name === undefined) return "of no known format";
  return name.startsWith("$") ? name : name.slice(0, -1);
}
