import { didYouMean } from "../config/closest-name.ts";
import type { Anonymous, Auth, Enrolling } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { isProvedWithin } from "../session/proof-age.ts";
import { normalizeUsername } from "../users/username.ts";

/** The conditions of one application, from the query of the auth URL in the proxy's configuration. */
export interface Conditions {
  /** The user must be in one of these groups; empty if every user may pass. */
  readonly groups: readonly string[];
  readonly needsStaff: boolean;
  /** Whether the user must have proved a second factor in this session. */
  readonly needsSecondFactor: boolean;
  /** The last proof of the user may be this old; null if its age does not matter. */
  readonly maxAgeSeconds: number | null;
  /** Whether a request without a session passes too. */
  readonly allowsAnonymous: boolean;
  /** Whether an unsafe request must prove its origin. */
  readonly checksOrigin: boolean;
  /** The audience of the assertion, an origin; null for the application's own. */
  readonly audience: string | null;
}

const NONE: Conditions = {
  groups: [],
  needsStaff: false,
  needsSecondFactor: false,
  maxAgeSeconds: null,
  allowsAnonymous: false,
  checksOrigin: true,
  audience: null,
};

interface Parameter {
  expected: string;
  /** @returns null if the value is malformed */
  read: (value: string, earlier: Conditions) => Partial<Conditions> | null;
}

const PARAMETERS: Readonly<Record<string, Parameter>> = {
  group: {
    expected: "the name of a group",
    read: (value, { groups }) => (value === "" ? null : { groups: [...groups, normalizeUsername(value)] }),
  },
  staff: { expected: "no value", read: (value) => (value === "" ? { needsStaff: true } : null) },
  factors: { expected: "2", read: (value) => (value === "2" ? { needsSecondFactor: true } : null) },
  max_age: {
    expected: "seconds, a whole number from 1 to 999999999",
    read: (value) => (/^[1-9]\d{0,8}$/.test(value) ? { maxAgeSeconds: Number(value) } : null),
  },
  anonymous: { expected: "allow", read: (value) => (value === "allow" ? { allowsAnonymous: true } : null) },
  csrf: { expected: "off", read: (value) => (value === "off" ? { checksOrigin: false } : null) },
  aud: {
    expected: "an origin such as https://app.example.com",
    read: (value) => (isOrigin(value) ? { audience: value } : null),
  },
};

/** What an answer repeats of a misspelt name. */
const MAX_SHOWN_CHARACTERS = 40;

/** A condition that is misspelt must not let everyone in. @throws Problem unknown_condition, invalid_condition */
export function readConditions(query: string): Conditions {
  return query === "" ? NONE : readPairs(pairsOf(query));
}

/**
 * The conditions of a question. Caddy adds the client's query to an auth URL without a `?`: then the client would choose
 * the conditions. So if the client's own query has some of them, both must be met: all of them, and all but those.
 *
 * @param path of the original request, with its query
 * @throws Problem unknown_condition, forwarded_query, invalid_condition
 */
export function readAskedConditions(query: string, path: string): Conditions {
  if (query === "" || !path.includes("?")) return readConditions(query);
  const [, sent = ""] = /\?([^#]*)/.exec(path) ?? [];
  const clients = new Set(pairsOf(sent).map(String));
  const pairs = pairsOf(query);
  const own = pairs.filter((pair) => !clients.has(String(pair)));
  if (own.length === pairs.length) return readPairs(pairs);
  if (pairs.some(([name]) => !Object.hasOwn(PARAMETERS, name))) throw new Problem("forwarded_query");
  const [asked, configured] = [readPairs(pairs), readPairs(own)];
  return {
    groups: configured.groups.length > 0 ? configured.groups : asked.groups,
    needsStaff: asked.needsStaff,
    needsSecondFactor: asked.needsSecondFactor,
    maxAgeSeconds: shorter(asked.maxAgeSeconds, configured.maxAgeSeconds),
    allowsAnonymous: configured.allowsAnonymous,
    checksOrigin: configured.checksOrigin,
    audience: configured.audience,
  };
}

type Pair = readonly [name: string, value: string];

/** URLSearchParams drops a leading `?`, which may be part of the first name. The `&` protects it. */
function pairsOf(query: string): Pair[] {
  return [...new URLSearchParams(`&${query}`)];
}

function readPairs(pairs: readonly Pair[]): Conditions {
  let conditions = NONE;
  for (const [name, value] of pairs) {
    const parameter = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (parameter === undefined) {
      const known = Object.keys(PARAMETERS);
      const shown = name.slice(0, MAX_SHOWN_CHARACTERS);
      throw new Problem("unknown_condition", { name: shown, suggestion: didYouMean(shown, known) });
    }
    const read = parameter.read(value, conditions);
    if (read === null) throw new Problem("invalid_condition", { name, expected: parameter.expected });
    conditions = { ...conditions, ...read };
  }
  if (conditions.allowsAnonymous && needsUser(conditions)) {
    const expected = "no group, staff, factors or max_age beside it";
    throw new Problem("invalid_condition", { name: "anonymous", expected });
  }
  return conditions;
}

function needsUser({ groups, needsStaff, needsSecondFactor, maxAgeSeconds }: Conditions): boolean {
  return needsStaff || needsSecondFactor || maxAgeSeconds !== null || groups.length > 0;
}

function shorter(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

export type Denial =
  | "not_authenticated"
  | "second_factor_setup_required"
  | "permission_denied"
  | "second_factor_required"
  | "recent_login_required";

/** @returns the condition that the request does not meet; null if it may pass */
export function findDenial(auth: Auth, conditions: Conditions, now: number): Denial | null {
  if (auth.level !== "full") return conditions.allowsAnonymous ? null : denialWithoutUser(auth);
  const { groups, needsStaff, needsSecondFactor, maxAgeSeconds } = conditions;
  const { session, user } = auth;
  if (needsStaff && !user.isStaff) return "permission_denied";
  if (groups.length > 0 && !groups.some((name) => auth.groups?.includes(name))) return "permission_denied";
  // A second factor is a proof too. So a user who lacks both is asked once.
  if (needsSecondFactor && !session.amr.split(" ").includes("mfa")) return "second_factor_required";
  if (maxAgeSeconds !== null && !isProvedWithin(session, maxAgeSeconds, now)) return "recent_login_required";
  return null;
}

/** To an application, a user who has to set up a second factor first is not logged in. */
function denialWithoutUser({ level }: Anonymous | Enrolling): Denial {
  return level === "enrolling" ? "second_factor_setup_required" : "not_authenticated";
}

/** A host name has at most 253 characters (RFC 1035 §2.3.4). */
const MAX_ORIGIN_CHARACTERS = 270;

function isOrigin(text: string): boolean {
  return (
    text.length <= MAX_ORIGIN_CHARACTERS && /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
  );
}
