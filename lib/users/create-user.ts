import { transaction } from "../../db/open.ts";
import { insertUser, type NewUser, type User } from "../../db/users.ts";
import { recordCommand, userSubject } from "../audit/audit-log.ts";
import { isEmailAddress } from "../http/fields.ts";
import type { AcceptedPassword } from "../passwords/password-rules.ts";
import type { Services } from "../services.ts";
import { normalizeUsername } from "./username.ts";

export interface UserInput {
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  isStaff: boolean;
  isSuperuser: boolean;
  password: AcceptedPassword;
}

export const MAX_NAME_CHARACTERS = 150;
export const MAX_EMAIL_CHARACTERS = 254;

/**
 * Makes a user for the command line, with the username in NFKC and the e-mail's domain in lower case, as Django's `create_user` does.
 *
 * @returns the user, or the sentence that says what is wrong with the input
 * @throws Problem overloaded
 */
export async function createUser(
  services: Pick<Services, "db" | "keys" | "hasher" | "now">,
  input: UserInput,
): Promise<User | string> {
  const mistake = userMistake(input);
  if (mistake !== null) return mistake;
  const newUser = await prepareUser(services, input);
  return transaction(services.db, async (db) => {
    const user = await insertUser(db, newUser);
    if (user === null) return NAME_TAKEN;
    await recordCommand(db, services, { kind: "user_made", subject: userSubject(user) });
    return user;
  });
}

export const NAME_TAKEN = "That username is already taken.";

/** The row of a user whose names and password have been found right. @throws Problem overloaded */
export async function prepareUser(
  { hasher, now }: Pick<Services, "hasher" | "now">,
  input: UserInput,
): Promise<NewUser> {
  return {
    ...input,
    username: normalizeUsername(input.username),
    email: normalizeEmail(input.email),
    password: await hasher.hash(input.password, { isKnown: true }),
    dateJoined: now(),
  };
}

/** What is wrong with the names of a user, in Django's words; null where nothing is. */
export function userMistake({ username, email, firstName, lastName }: Omit<UserInput, "password">): string | null {
  const tooLong = [normalizeUsername(username), firstName, lastName].find(
    (name) => [...name].length > MAX_NAME_CHARACTERS,
  );
  if (tooLong !== undefined) {
    return `Ensure this value has at most ${MAX_NAME_CHARACTERS} characters (it has ${[...tooLong].length}).`;
  }
  if (!isUsername(username)) return USERNAME_MISTAKE;
  if (email !== "" && !(email.length <= MAX_EMAIL_CHARACTERS && isEmailAddress(email)))
    return "Enter a valid email address.";
  return null;
}

/** Django's own sentence. */
export const USERNAME_MISTAKE =
  "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";

/** Python's \\w, which is letters and numbers of every script and the underscore but no marks, and four signs. */
export function isUsername(text: string): boolean {
  return /^[\p{L}\p{N}_.@+-]+$/u.test(normalizeUsername(text));
}

/** The domain in lower case, as Django's `normalize_email` has it. */
export function normalizeEmail(email: string): string {
  const at = email.lastIndexOf("@");
  return at < 0 ? email : email.slice(0, at) + email.slice(at).toLowerCase();
}
