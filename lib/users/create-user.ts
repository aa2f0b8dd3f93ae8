import { lockAddresses } from "../../db/addresses.ts";
import { type Group, lockGroupsNamed } from "../../db/groups.ts";
import { consumeToken, consumeTokensFor, type OneTimeToken } from "../../db/one-time-tokens.ts";
import type { Db, TransactionDb } from "../../db/open.ts";
import {
  type Credentials,
  findUser,
  hasUsers,
  insertUser,
  type NewUser,
  type User,
  type UserNames,
} from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
import { type FieldErrors, fieldMessage } from "../http/message.ts";
import { Problem } from "../http/problem.ts";
import { readFacts } from "../mail/facts.ts";
import { unusablePassword } from "../passwords/hasher.ts";
import type { AcceptedPassword } from "../passwords/password-rules.ts";
import type { Services } from "../services.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { canProve, isAddressOfOther } from "./email.ts";
import { changeGroups, lockAll } from "./groups.ts";
import { normalizeEmail, USERNAME_IS_ADDRESS, USERNAME_TAKEN, userError } from "./user-fields.ts";
import { normalizeUsername } from "./username.ts";

export interface UserInput extends UserNames {
  isStaff: boolean;
  isSuperuser: boolean;
  /** When the address was proved by a link; null, the default, if it was not. */
  emailProvedAt?: number | null;
  /** Such as `it`; empty, the default, if it is unknown. */
  language?: string;
  /** Null: no password opens the account until one is set. */
  password: AcceptedPassword | null;
  /** As `groupLimitError` allows; none if it is missing. */
  groups?: readonly Group[];
}

type Needs = Pick<Services, "db" | "config" | "keys" | "hasher" | "now">;

/**
 * Creates a user. The username is stored in NFKC and the domain of the email address in lower case, as by Django's
 * `create_user`.
 *
 * @returns the user, or the sentence that says what is wrong
 * @throws Problem overloaded
 */
export async function createUser(
  services: Needs,
  by: Actor,
  { groups = [], ...input }: UserInput,
): Promise<User | string> {
  const error = userError(input);
  if (error !== null) return error;
  const newUser = await prepare(services, input);
  return authorizedTransaction(services, by, async (db) => {
    if (!(await lockAll(db, groups))) return "A group was deleted meanwhile. No user was created.";
    await lockAddresses(db);
    if (await isAddressOfOther(db, newUser.username, null)) return USERNAME_IS_ADDRESS;
    return (await insert(db, services, by, newUser, { kind: "user_made", groups })) ?? USERNAME_TAKEN;
  });
}

/**
 * Creates the first user, a superuser, and uses the token of the set-up link.
 *
 * @param input valid names and a password
 * @returns null if the token was used or has expired, or if there is a user
 * @throws Problem overloaded
 */
export async function createFirstUser(
  services: Needs,
  by: Actor,
  token: string,
  input: Pick<UserInput, "username" | "email"> & { password: AcceptedPassword },
): Promise<Credentials | null> {
  const common = { firstName: "", lastName: "", isStaff: true, isSuperuser: true };
  const newUser = await prepare(services, { ...common, ...input });
  const user = await authorizedTransaction(services, by, async (db) => {
    if ((await consumeToken(db, "setup", hashToken(token), services.now())) === null) return null;
    return (await hasUsers(db)) ? null : insert(db, services, by, newUser, { kind: "set_up" });
  });
  return user && { user, password: newUser.password };
}

/**
 * Creates the user of an address that a link has proved, and uses the link. The user gets the groups and the flag of a
 * pending invitation of the address, whichever link was opened. A group that was deleted since is left out.
 *
 * @param link of the purpose `signup` or `invite`
 * @param input a valid username and a password
 * @throws Problem invalid_link if the link was used meanwhile; invalid if the username or the proved address is taken: the
 *   link stays valid then; overloaded
 */
export async function createSignedUpUser(
  services: Needs,
  by: Actor,
  link: OneTimeToken,
  input: { username: string; password: AcceptedPassword; language: string },
): Promise<Credentials> {
  const now = services.now();
  const email = addressOf(link);
  const names = { email, firstName: "", lastName: "", isStaff: false, isSuperuser: false };
  const newUser = await prepare(services, { ...names, ...input, emailProvedAt: now });
  const user = await authorizedTransaction(services, by, async (db) => {
    const { purpose, id, subject } = link;
    const used = await consumeToken(db, purpose, id, now);
    if (used === null) throw new Problem("invalid_link");
    const invitations = purpose === "invite" ? [used] : await consumeTokensFor(db, "invite", subject, now);
    const { isStaff, groups } = await lockGrants(db, invitations, email);
    await lockAddresses(db);
    const creation = { kind: "signed_up", detail: purpose, groups } as const;
    // An exception rolls back: the link is not used.
    return (await insert(db, services, by, { ...newUser, isStaff }, creation)) ?? throwTaken(db, newUser);
  });
  return { user, password: newUser.password };
}

/** The address that a link was sent to, in its stored spelling. */
export function addressOf({ facts }: Pick<OneTimeToken, "facts">): string {
  const { sentTo } = readFacts(facts);
  if (sentTo === undefined) throw new Error("A link was stored without its address.");
  return sentTo;
}

/** What invitations of an address grant. Until the transaction ends, none of the groups is deleted. */
async function lockGrants(
  db: TransactionDb,
  invitations: readonly OneTimeToken[],
  email: string,
): Promise<{ isStaff: boolean; groups: Group[] }> {
  // To the letter: a mail server may tell two addresses apart that are compared without case elsewhere.
  const grants = invitations.map(({ facts }) => readFacts(facts)).filter(({ sentTo }) => sentTo === email);
  const names = grants.flatMap(({ groups = [] }) => groups);
  return { isStaff: grants.some((grant) => grant.isStaff), groups: await lockGroupsNamed(db, names) };
}

async function throwTaken(db: TransactionDb, newUser: NewUser): Promise<never> {
  throw new Problem("invalid", await takenErrors(db, newUser));
}

/** What is taken of a new user's unique values, by field. @param username in NFKC */
export async function takenErrors(
  db: Db,
  { username, email }: { username: string; email: string },
): Promise<FieldErrors> {
  const isTaken = (await findUser(db, username)) !== null;
  const isProved = !(await canProve(db, email, null));
  return {
    ...(isTaken ? { username: [fieldMessage("username_taken")] } : {}),
    ...(isProved ? { email: [fieldMessage("email_taken")] } : {}),
  };
}

async function prepare(
  { hasher, now }: Needs,
  { password, emailProvedAt = null, language = "", ...input }: UserInput,
): Promise<NewUser> {
  return {
    ...input,
    emailProvedAt,
    language,
    username: normalizeUsername(input.username),
    email: normalizeEmail(input.email),
    password: password === null ? unusablePassword() : await hasher.hash(password, { isKnown: true }),
    dateJoined: now(),
  };
}

interface Creation {
  kind: "user_made" | "set_up" | "signed_up";
  detail?: string;
  groups?: readonly Group[];
}

/** Call it after `lockAddresses`, unless there is no user. @returns null if the username is taken, or the proved address */
async function insert(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  newUser: NewUser,
  { kind, detail = "", groups = [] }: Creation,
): Promise<User | null> {
  if (newUser.emailProvedAt !== null && !(await canProve(db, newUser.email, null))) return null;
  const user = await insertUser(db, newUser);
  if (user === null) return null;
  const deeds = await changeGroups(db, user, { add: groups, remove: [] });
  await recordBy(db, services, by, { kind, subject: userSubject(user), detail }, ...deeds);
  return user;
}
