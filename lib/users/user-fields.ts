import type { UserChanges } from "../../db/users.ts";
import { isEmailAddress } from "../http/email-address.ts";
import { type FieldMessage, fieldMessage, wireText } from "../http/message.ts";
import { looksLikeOtherAddress, normalizeUsername } from "./username.ts";

export const MAX_NAME_CHARACTERS = 150;
export const MAX_EMAIL_CHARACTERS = 254;

export const USERNAME_TAKEN = wireText(fieldMessage("username_taken"));
export const USERNAME_IS_ADDRESS = "That username is the email address of another user.";

/** The first validation error of some fields, in Django's words; null if all are valid. */
export function userError({ username, email = "", firstName = "", lastName = "" }: UserChanges): string | null {
  const names = [username === undefined ? "" : normalizeUsername(username), firstName, lastName];
  const tooLong = names.find((name) => [...name].length > MAX_NAME_CHARACTERS);
  if (tooLong !== undefined) {
    return `Ensure this value has at most ${MAX_NAME_CHARACTERS} characters (it has ${[...tooLong].length}).`;
  }
  if (username !== undefined && !isUsername(username)) return wireText(fieldMessage("invalid_username"));
  const isEmail = email === "" || (email.length <= MAX_EMAIL_CHARACTERS && isEmailAddress(email));
  return isEmail ? null : wireText(fieldMessage("invalid_email"));
}

/** Python's `\w` (letters and numbers of every script and the underscore, no marks) and four signs. */
export function isUsername(text: string): boolean {
  return /^[\p{L}\p{N}_.@+-]+$/u.test(normalizeUsername(text));
}

/** What is wrong with a username that a person chose for their own account; null if it is valid. */
export function ownUsernameError(username: string, email: string): FieldMessage | null {
  if (!isUsername(username)) return fieldMessage("invalid_username");
  return looksLikeOtherAddress(username, email) ? fieldMessage("username_like_email") : null;
}

/**
 * The domain in lower case, as in Django's `normalize_email`. Letter by letter, as IDNA does: at the end of a word,
 * `toLowerCase()` makes another letter of a Greek sigma, and so another domain.
 */
export function normalizeEmail(email: string): string {
  const at = email.lastIndexOf("@");
  return at < 0 ? email : email.slice(0, at) + email.slice(at).replace(/./gsu, (letter) => letter.toLowerCase());
}
