import { importJWK, SignJWT } from "jose";
import type { Session } from "../../db/sessions.ts";
import type { User } from "../../db/users.ts";
import type { SigningKeys } from "../crypto/signing-keys.ts";
import type { MaybePromise } from "../pipeline/maybe-promise.ts";
import { sessionName } from "../session/session-name.ts";

const LIFETIME_SECONDS = 60;

/** To sign costs 0.3 ms (measured), ten times as much as the rest of the answer. */
const REUSED_MS = 20_000;

const MAX_KEPT = 10_000;

export interface AssertionFacts {
  session: Session;
  user: User;
  groups: readonly string[];
  /** The application's origin. */
  audience: string;
  /** PUBLIC_URL, else the server's origin as the client named it. */
  issuer: string;
}

/** Signs identity assertions: JSON Web Tokens (RFC 7519) with Ed25519 (RFC 8037), valid for 60 seconds. */
export interface Assertions {
  /** At once if one for the same session, audience and facts is less than 20 seconds old. */
  sign: (facts: AssertionFacts) => MaybePromise<string>;
}

interface Kept {
  facts: string;
  signedAt: number;
  token: string;
}

/**
 * The caller has just found the session alive in the database, so an assertion of an ended session is never handed out.
 *
 * @param now epoch milliseconds
 */
export function createAssertions({ signing }: SigningKeys, now: () => number): Assertions {
  const signingKey = importJWK(signing, signing.alg);
  // It has been awaited before it fails. If it fails then, `sign` says so.
  signingKey.catch(() => {});
  /** By session and audience, the oldest first. */
  const kept = new Map<string, Kept>();
  /** By session, audience and facts: parallel requests of one page wait for one signature. */
  const pending = new Map<string, Promise<string>>();
  const keep = (id: string, entry: Kept) => {
    kept.delete(id);
    kept.set(id, entry);
    for (const [oldest, { signedAt }] of kept) {
      if (kept.size <= MAX_KEPT && isFresh(signedAt, entry.signedAt)) break;
      kept.delete(oldest);
    }
    return entry.token;
  };
  const signNow = async (claims: Record<string, unknown>, at: number) => {
    const seconds = Math.floor(at / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: signing.alg, kid: signing.kid, typ: "JWT" })
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + LIFETIME_SECONDS)
      .sign(await signingKey);
  };
  return {
    sign: (asserted) => {
      const claims = claimsOf(asserted);
      const facts = JSON.stringify(claims);
      const id = `${asserted.session.id} ${asserted.audience}`;
      const last = kept.get(id);
      const signedAt = now();
      if (last !== undefined && last.facts === facts && isFresh(last.signedAt, signedAt)) return last.token;
      const key = `${id} ${facts}`;
      const begun = pending.get(key);
      if (begun !== undefined) return begun;
      const token = signNow(claims, signedAt)
        .then((token) => keep(id, { facts, signedAt, token }))
        .finally(() => pending.delete(key));
      pending.set(key, token);
      return token;
    },
  };
}

/** The clock of the machine may have been put back. */
function isFresh(signedAt: number, now: number): boolean {
  return signedAt <= now && now - signedAt < REUSED_MS;
}

function claimsOf({ session, user, groups, audience, issuer }: AssertionFacts): Record<string, unknown> {
  return {
    iss: issuer,
    aud: audience,
    sub: String(user.id),
    preferred_username: user.username,
    email: user.email,
    email_verified: user.emailProvedAt !== null,
    groups,
    sid: sessionName(session),
    auth_time: Math.floor(session.provedAt / 1000),
    amr: session.amr.split(" "),
  };
}
