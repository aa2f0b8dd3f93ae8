import { lockAddresses } from "../../db/addresses.ts";
import type { Group } from "../../db/groups.ts";
import { consumeToken } from "../../db/one-time-tokens.ts";
import type { TransactionDb } from "../../db/open.ts";
import { type Credentials, hasUsers, insertUser, type NewUser, type User, type UserNames } from "../../db/users.ts";
import { type Actor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { hashToken } from "../crypto/token.ts";
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
    return (await insert(db, services, by, newUser, "user_made", groups)) ?? USERNAME_TAKEN;
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
    return (await hasUsers(db)) ? null : insert(db, services, by, newUser, "set_up");
  });
  return user && { user, password: newUser.password };
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

/** Call it after `lockAddresses`, unless there is no user. @returns null if the username is taken, or the proved address */
async function insert(
  db: TransactionDb,
  services: Needs,
  by: Actor,
  newUser: NewUser,
  kind: "user_made" | "set_up",
  groups: readonly Group[] = [],
): Promise<User | null> {
  if (newUser.emailProvedAt !== null && !(await canProve(db, newUser.email, null))) return null;
  const user = await insertUser(db, newUser);
  if (user === null) return null;
  const deeds = await changeGroups(db, user, { add: groups, remove: [] });
  await recordBy(db, services, by, { kind, subject: userSubject(user) }, ...deeds);
  return user;
}
