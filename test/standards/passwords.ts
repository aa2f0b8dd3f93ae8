import { type Requirement, shown, unclaimed } from "./requirement.ts";

/** OWASP ASVS 5.0, V6.2 Password Security and V6.3 General Authentication Security. */
export const PASSWORDS: readonly Requirement[] = [
  shown(
    "6.2.1",
    "at least 8 characters",
    "password-rules",
    "has at least 8 characters by asvs, 15 by nist, and any number by none",
  ),
  shown(
    "6.2.2",
    "users can change their password",
    "browser-account",
    "changes the password, which throws every other browser out and keeps this one",
  ),
  shown(
    "6.2.3",
    "a change asks for the current password",
    "browser-account",
    "changes the password, which throws every other browser out and keeps this one",
  ),
  shown(
    "6.2.4",
    "not among the 3000 most common",
    "password-rules",
    "has 120,000 entries, of which more than 100,000 have at least 8 characters",
  ),
  shown(
    "6.2.5",
    "any composition",
    "password-rules",
    "needs no digits, capitals or symbols, and may consist of them alone",
  ),
  shown(
    "6.2.6",
    "password fields hide what is typed",
    "browser-manners",
    "somebody logs in, looks at the password on the way, and logs out; the focus is always seen",
  ),
  unclaimed(
    "6.2.7",
    "paste and password managers are allowed",
    "The fields name themselves to managers; no test shows it.",
  ),
  shown(
    "6.2.8",
    "passwords are verified as they came",
    "password-check",
    "matches the hash of any text, and each hash has its own salt",
    "A plain bcrypt that was imported ends at 72 bytes, until its first login.",
  ),
  shown("6.2.9", "64 characters and more", "cli", "a password may be 4096 bytes long, and not one more"),
  shown("6.2.10", "no expiry", "password-rules", "a password that was set before the rules still logs in"),
  shown(
    "6.2.11",
    "no context-specific words",
    "password-rules",
    "must not be similar to a name of the user or the site, and the error says to which",
  ),
  shown(
    "6.2.12",
    "no breached passwords",
    "breached-passwords",
    "a breached password is a validation error with all rules, after the other errors",
    "Where POSTERN_BREACHED_PASSWORDS is set.",
  ),
  shown(
    "6.3.1",
    "guessing and stuffing are held off",
    "throttle",
    "reaches the hasher ten times, though 1,000 guesses come at once from as many networks",
  ),
  shown(
    "6.3.2",
    "no default accounts",
    "cli",
    "the first serve on an empty one names the command that makes the first user",
  ),
  unclaimed("6.3.3", "a second factor", "There is none."),
  shown("6.3.4", "no undocumented way in", "readme", "have each table of the code once, and as the code has it"),
  unclaimed("6.3.5", "users are notified of suspicious attempts", "No mail is sent."),
  unclaimed("6.3.6", "e-mail is no factor", "It is none; there is nothing to test."),
  unclaimed("6.3.7", "users are notified of changes", "No mail is sent."),
  shown(
    "6.3.8",
    "who exists cannot be told from answers or their time",
    "timing",
    "a refused login takes the same time whoever it names, imported hashes and all",
  ),
];
