import { type Requirement, shown, shownBy, unclaimed } from "./requirement.ts";

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
    "changes the password, which logs every other browser out and keeps this one",
  ),
  shown(
    "6.2.3",
    "a change asks for the current password",
    "browser-account",
    "changes the password, which logs every other browser out and keeps this one",
  ),
  shownBy("6.2.4", "not among the 3000 most common", [
    ["password-rules", "has 120,000 entries, of which more than 100,000 have at least 8 characters"],
    ["password-rules", "ignores case and surrounding spaces"],
  ]),
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
    "a person logs in, shows the password, and logs out; the focus is always visible",
  ),
  unclaimed(
    "6.2.7",
    "paste and password managers are allowed",
    "The fields have autocomplete tokens. No test shows paste.",
  ),
  shown(
    "6.2.8",
    "passwords are verified as they arrive",
    "password-check",
    "matches the hash of any text, and each hash has its own salt",
    "An imported plain bcrypt ends at 72 bytes, until its next login.",
  ),
  shown("6.2.9", "64 characters and more", "cli", "may have a password of 4096 bytes, but not of 4097"),
  shown("6.2.10", "no expiry", "login", "accepts a password of any age"),
  shown(
    "6.2.11",
    "no context-specific words",
    "password-rules",
    "must not be similar to a name of the user or the site, and the error says to which",
    "The words: the names and the e-mail address of the user, and the name of the site.",
  ),
  shown(
    "6.2.12",
    "no breached passwords",
    "breached-passwords",
    "a breached password is a validation error with all rules, after the other errors",
    "Where POSTERN_BREACHED_PASSWORDS is set.",
  ),
  shownBy(
    "6.3.1",
    "guessing and credential stuffing are limited, as documented",
    [
      ["throttle", "reaches the hasher 10 times for 1,000 guesses at the same time from as many networks"],
      ["throttle-network", "is blocked after 30 failures, and no other network is"],
    ],
    "Stuffing from many networks is limited for each network only.",
  ),
  shown(
    "6.3.2",
    "no default accounts",
    "cli",
    "serve on an empty database names the command that creates the first user",
  ),
  shownBy(
    "6.3.3",
    "a second factor",
    [
      ["second-factor", "asks for a code after the right password, and then logs in"],
      ["require-factor-effect", "takes effect at the next request of each live session"],
    ],
    "With POSTERN_REQUIRE_SECOND_FACTOR=all. Level 3 asks for a hardware-bound one, which is not demanded.",
  ),
  unclaimed(
    "6.3.4",
    "no undocumented way to log in, and the same strength in each",
    "The ways are a password and a passkey. A link from the terminal or a mail sets a password. No test shows that there is no other.",
  ),
  shownBy(
    "6.3.5",
    "users are notified of suspicious attempts",
    [
      ["notices", "has account, browser, system, address and time, and a link"],
      ["notices-abuse", "is sent when a wait begins, not before, and names the last client"],
    ],
    "With POSTERN_MAIL_URL, at a proved address. People see failed logins at /activity/, too.",
  ),
  unclaimed("6.3.6", "e-mail is no factor", "There is nothing to test."),
  unclaimed(
    "6.3.7",
    "users are notified of changes",
    "A new password and a new address send a notice, with POSTERN_MAIL_URL. A new username does not.",
  ),
  shownBy(
    "6.3.8",
    "failed logins do not tell which users exist, by words or by time",
    [
      ["login", "answers every failed login in the same words"],
      ["timing", "also with imported hashes"],
      ["timing", "a failed login takes the same time for any name, also with imported hashes"],
      ["password-reset", "is answered alike, by the same statements, for every name and address"],
    ],
    "Hashes are counted in npm test, times compared by rank in npm run test:faults. Of a forgotten password, the statements are counted.",
  ),
];
