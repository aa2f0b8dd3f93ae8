import type { User } from "../../db/users.ts";
import type { Services } from "../services.ts";
import { isBreachedPassword } from "./breached-passwords.ts";
import { isCommonPassword } from "./common-passwords.ts";
import { MAX_PASSWORD_BYTES } from "./hasher.ts";
import { isSimilar } from "./similarity.ts";

/**
 * How many characters each set of rules asks for; null where it has no rule at all. None asks for digits or capitals.
 *
 * - `asvs`: OWASP ASVS 5.0 V6.2.1. Django's default too.
 * - `nist`: NIST SP 800-63B-4 §3.1.1.2, for a password that is the only factor. 8 would do beside a second one.
 * - `none`: Django where AUTH_PASSWORD_VALIDATORS is empty.
 */
const MIN_CHARACTERS = { asvs: 8, nist: 15, none: null } as const;

declare const ACCEPTED: unique symbol;

/**
 * A password that may be stored. `judgePassword` and `acceptAnyPassword` alone make one, so that nothing sets a password
 * that nobody has judged.
 */
export type AcceptedPassword = string & { readonly [ACCEPTED]: true };

/** Whose password it is to be. */
export type PasswordOwner = Pick<User, "username" | "email" | "firstName" | "lastName">;

/**
 * Judges a password by the rules of the settings.
 *
 * @returns the password, or every sentence against it, in Django's words and order
 */
export async function judgePassword(
  services: Pick<Services, "config" | "log">,
  password: string,
  owner: PasswordOwner,
): Promise<AcceptedPassword | string[]> {
  const accepted = acceptAnyPassword(password);
  if (typeof accepted !== "string") return accepted;
  const minCharacters = MIN_CHARACTERS[services.config.passwordRules];
  const mistakes =
    minCharacters === null ? [] : await ruleMistakes(password, owner, services.config.siteName, minCharacters);
  if (await isBreachedPassword(services, password)) {
    mistakes.push("This password has appeared in a data breach and must not be used.");
  }
  return mistakes.length > 0 ? mistakes : accepted;
}

/**
 * Accepts a password that may be weak, for an operator who has been warned. What can be no password at all is refused
 * here too.
 */
export function acceptAnyPassword(password: string): AcceptedPassword | string[] {
  // Python's strip(): a password of nothing but spaces is as good as none.
  if (password.trim() === "") return ["Blank passwords aren't allowed."];
  if (password.includes("\0")) return ["Null characters are not allowed."];
  const bytes = new TextEncoder().encode(password).length;
  if (bytes > MAX_PASSWORD_BYTES) {
    return [`The password is ${bytes} bytes long; at most ${MAX_PASSWORD_BYTES} are allowed.`];
  }
  // The one place where the type is given: it has no value to make it of.
  return password as AcceptedPassword;
}

/** As Django's validators, in the order of its settings' template; without the one against digits alone. */
async function ruleMistakes(
  password: string,
  owner: PasswordOwner,
  siteName: string,
  minCharacters: number,
): Promise<string[]> {
  const mistakes: string[] = [];
  const similar = namesOf(owner, siteName).find(([, name]) => isSimilar(password, name));
  if (similar !== undefined) mistakes.push(`The password is too similar to the ${similar[0]}.`);
  if ([...password].length < minCharacters) {
    mistakes.push(`This password is too short. It must contain at least ${minCharacters} characters.`);
  }
  if (await isCommonPassword(password)) mistakes.push("This password is too common.");
  return mistakes;
}

/** What a password must not resemble, in Django's order, and what Django calls it. ASVS 5.0 V6.2.11. */
function namesOf({ username, firstName, lastName, email }: PasswordOwner, siteName: string): [string, string][] {
  return [
    ["username", username],
    ["first name", firstName],
    ["last name", lastName],
    ["email address", email],
    ["site name", siteName],
  ];
}
