import { samplePasswords } from "../../db/users.ts";
import type { Services } from "../context.ts";
import { kindOf } from "../crypto/kind.ts";
import { describeError } from "../log.ts";

/** To look for them is to go over every user. */
const EVERY_MS = 10 * 60 * 1000;

/** Of users who cannot log in. */
const UNUSABLE = "!*";

/** An algorithm that is not read. One that is would hide, where a hash of it is damaged, the others of it. */
const UNREAD = /^(?!(?:argon2|bcrypt|bcrypt_sha256|pbkdf2_sha1|pbkdf2_sha256|scrypt)\$)\w+\$/;

/**
 * Gives stored passwords, one of every cost but our own, looked for anew every ten minutes: imported ones, until the last
 * of them has been replaced. Where the database does not tell, they are those that it told before.
 */
export function rememberSamples({ db, log, now }: Pick<Services, "db" | "log" | "now">) {
  let samples: Promise<readonly string[]> | undefined;
  let readAt = 0;
  return (own: string): Promise<readonly string[]> => {
    if (samples !== undefined && Math.abs(now() - readAt) < EVERY_MS) return samples;
    const before = samples ?? Promise.resolve([]);
    readAt = now();
    samples = samplePasswords(db, [own, UNUSABLE], patternOf).catch((error) => {
      log("warning", "password_kinds_unknown", describeError(error));
      return before;
    });
    return samples;
  };
}

function patternOf(encoded: string): string {
  const [unread] = UNREAD.exec(encoded) ?? [];
  return kindOf(encoded)?.pattern ?? (unread === undefined ? encoded : `${unread}*`);
}
