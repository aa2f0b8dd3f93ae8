import { readHash } from "./django-hash.ts";
import { CURRENT_COST } from "./passwords.ts";

/** What stored passwords are, each of them counted once. */
export interface PasswordTally {
  /** As Postern hashes now. */
  ours: number;
  /** The next login replaces each: by algorithm. */
  readable: Map<string, number>;
  /** `!…`: by intention without a password. */
  unusable: number;
  empty: number;
  /** Nothing is right for these: by algorithm. */
  unreadable: Map<string, number>;
}

export function createTally(): PasswordTally {
  return { ours: 0, readable: new Map(), unusable: 0, empty: 0, unreadable: new Map() };
}

export function tallyPassword(tally: PasswordTally, encoded: string): void {
  if (encoded === "") tally.empty++;
  else if (encoded.startsWith("!")) tally.unusable++;
  else if (readHash(encoded) === null) increase(tally.unreadable, unreadableName(encoded));
  else if (encoded.startsWith(`${CURRENT_COST}$`)) tally.ours++;
  else increase(tally.readable, readableName(encoded));
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

/** A name and as much behind it as a hash has. What is shorter may be a password as it was typed, and is not shown. */
const NAMED = /^((?:[a-z][a-z0-9_]{1,30}|\$[a-z0-9-]{1,15})\$).{16}|^(crypt\$)/s;

function unreadableName(encoded: string): string {
  const [, algorithm] = READ.exec(encoded) ?? [];
  if (algorithm !== undefined) return `damaged or too costly ${algorithm}`;
  const [, named, crypt] = NAMED.exec(encoded) ?? [];
  const name = named ?? crypt;
  if (name === undefined) return "of no known format";
  return name.startsWith("$") ? name : name.slice(0, -1);
}
