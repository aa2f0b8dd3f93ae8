import type { User, UserNames } from "../../db/users.ts";
import { type FieldMessage, type FieldMessageCode, fieldMessage } from "../http/message.ts";
import type { Services } from "../services.ts";
import { isBreachedPassword } from "./breached-passwords.ts";
import { isCommonPassword } from "./common-passwords.ts";
import { MAX_PASSWORD_BYTES } from "./hasher.ts";
import { isSimilar } from "./similarity.ts";

/**
 * The fewest characters of a password, by set of rules: as the only factor, and beside a second one; null for a set
 * without any rule. No set asks for digits or capitals.
 *
 * - `asvs`: OWASP ASVS 5.0 V6.2.1, and Django's default.
 * - `nist`: NIST SP 800-63B-4 §3.1.1.2.
 * - `none`: Django with an empty AUTH_PASSWORD_VALIDATORS.
 */
const MIN_CHARACTERS = {
  asvs: { alone: 8, withFactor: 8 },
  nist: { alone: 15, withFactor: 8 },
  none: { alone: null, withFactor: null },
} as const;

/** The user that a password is for. */
export type PasswordOwner = UserNames & Pick<User, "hasSecondFactor">;

/** The fewest characters that the settings ask of a user's new password; null if they have no rule. */
export function passwordRule(
  { config }: Pick<Services, "config">,
  { hasSecondFactor }: Pick<PasswordOwner, "hasSecondFactor">,
): number | null {
  return MIN_CHARACTERS[config.passwordRules][hasSecondFactor ? "withFactor" : "alone"];
}

/** The owner of a password that creates the account. */
export const NEW_ACCOUNT = { firstName: "", lastName: "", hasSecondFactor: false } as const;

declare const ACCEPTED: unique symbol;

/**
 * A password that may be stored. Only `judgePassword` and `acceptAnyPassword` make one. So the compiler stops code that
 * sets a password without judging it.
 */
export type AcceptedPassword = string & { readonly [ACCEPTED]: true };

/**
 * Judges a password by the rules of the settings.
 *
 * @returns the password, or every reason against it, in Django's order
 */
export async function judgePassword(
  services: Pick<Services, "config" | "log">,
  password: string,
  owner: PasswordOwner,
): Promise<AcceptedPassword | FieldMessage[]> {
  const accepted = acceptAnyPassword(password);
  if (typeof accepted !== "string") return accepted;
  const min = passwordRule(services, owner);
  const messages = min === null ? [] : await checkRules(password, owner, services.config.siteName, min);
  if (await isBreachedPassword(services, password)) messages.push(fieldMessage("password_breached"));
  return messages.length > 0 ? messages : accepted;
}

/**
 * Accepts a weak password, for an operator after a warning. Text that cannot be a password is still denied: blank text,
 * NUL, and more bytes than the hasher takes.
 */
export function acceptAnyPassword(password: string): AcceptedPassword | FieldMessage[] {
  // Django treats a password of spaces alone as blank.
  if (password.trim() === "") return [fieldMessage("password_blank")];
  if (password.includes("\0")) return [fieldMessage("null_characters")];
  const bytes = new TextEncoder().encode(password).length;
  if (bytes > MAX_PASSWORD_BYTES) return [fieldMessage("password_too_long", { bytes, max: MAX_PASSWORD_BYTES })];
  // The brand exists for the compiler alone, so a cast is the only way to add it.
  return password as AcceptedPassword;
}

/** Django's validators, in the order of its settings template, without NumericPasswordValidator. */
async function checkRules(password: string, owner: UserNames, siteName: string, min: number): Promise<FieldMessage[]> {
  const messages: FieldMessage[] = [];
  const similar = namesOf(owner, siteName).find(([, name]) => isSimilar(password, name));
  if (similar !== undefined) messages.push(fieldMessage(similar[0]));
  if ([...password].length < min) messages.push(fieldMessage("password_too_short", { min }));
  if (await isCommonPassword(password)) messages.push(fieldMessage("password_too_common"));
  return messages;
}

/** The names that a password must not resemble, in Django's order, each with its message. ASVS 5.0 V6.2.11. */
function namesOf(
  { username, firstName, lastName, email }: UserNames,
  siteName: string,
): [code: FieldMessageCode & `password_like_${string}`, name: string][] {
  return [
    ["password_like_username", username],
    ["password_like_first_name", firstName],
    ["password_like_last_name", lastName],
    ["password_like_email", email],
    ["password_like_site_name", siteName],
  ];
}
