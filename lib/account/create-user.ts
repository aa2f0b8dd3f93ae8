import { insertUser, type User } from "../../db/users.ts";
import type { Services } from "../context.ts";
import type { AcceptedPassword } from "./password-rules.ts";

export interface UserInput {
  username: string;
  email: string;
  firstName: string;
  lastName: string;
  isStaff: boolean;
  isSuperuser: boolean;
  password: AcceptedPassword;
}

const MAX_NAME_CHARACTERS = 150;
const MAX_EMAIL_CHARACTERS = 254;

/**
 * Makes a user, with the username in NFKC and the e-mail's domain in lower case, as Django's `create_user` does.
 *
 * @returns the user, or the sentence that says what is wrong with the input
 * @throws Problem overloaded
 */
export async function createUser(
  { db, passwords, now }: Pick<Services, "db" | "passwords" | "now">,
  input: UserInput,
): Promise<User | string> {
  const mistake = userMistake(input);
  if (mistake !== null) return mistake;
  const user = {
    ...input,
    username: input.username.normalize("NFKC"),
    email: normalizeEmail(input.email),
    password: await passwords.hash(input.password),
    dateJoined: now(),
  };
  return (await insertUser(db, user)) ?? "That username is already taken.";
}

/** What is wrong with the names of a user, in Django's words; null where nothing is. */
export function userMistake({ username, email, firstName, lastName }: Omit<UserInput, "password">): string | null {
  const tooLong = [username.normalize("NFKC"), firstName, lastName].find(
    (name) => [...name].length > MAX_NAME_CHARACTERS,
  );
  if (tooLong !== undefined) {
    return `Ensure this value has at most ${MAX_NAME_CHARACTERS} characters (it has ${[...tooLong].length}).`;
  }
  // Python's \w: letters and numbers of every script, and the underscore; marks are not among them.
  if (!/^[\p{L}\p{N}_.@+-]+$/u.test(username.normalize("NFKC"))) {
    return "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
  }
  if (email !== "" && !isEmail(email)) return "Enter a valid email address.";
  return null;
}

/** One `@`, something before it, a domain after it, nothing a header could be smuggled in with. */
function isEmail(text: string): boolean {
  return text.length <= MAX_EMAIL_CHARACTERS && /^[^\s@\p{C}]+@[^\s@\p{C}.]+(\.[^\s@\p{C}.]+)*$/u.test(text);
}

function normalizeEmail(email: string): string {
  const at = email.lastIndexOf("@");
  return at < 0 ? email : email.slice(0, at) + email.slice(at).toLowerCase();
}
