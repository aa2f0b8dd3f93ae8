import { type Requirement, shown, shownBy, unclaimed } from "./requirement.ts";

/** OWASP ASVS 5.0, V7 Session Management. */
export const SESSIONS: readonly Requirement[] = [
  unclaimed(
    "7.1.1",
    "both time limits are documented and justified",
    "They are documented. The justification is the operator's.",
  ),
  shownBy("7.1.2", "the number of sessions of an account is documented, and the reaction to more", [
    ["readme", "have each table of the code once, and as the code has it"],
    ["session-limit", "has a limit of 100 live sessions by default"],
    ["session-limit", "ends the least recently used session, and records why"],
  ]),
  unclaimed("7.1.3", "federation is documented", "There is none."),
  shown(
    "7.2.1",
    "tokens are verified at the server",
    "sessions-model",
    "any sequence of logins, logouts, waits, changes and late bodies is answered as in the model",
  ),
  shown(
    "7.2.2",
    "tokens are made for each session",
    "login",
    "makes a new token at every login and ends the presented session (deviation 4)",
  ),
  shownBy(
    "7.2.3",
    "128 random bits",
    [
      ["architecture", "randomness comes from crypto.getRandomValues"],
      ["tokens", "a token has 160 bits: 32 characters, each any of 32, and never the same token (ASVS 5.0 V7.2.3)"],
    ],
    "160 bits of the runtime's generator.",
  ),
  shown(
    "7.2.4",
    "a new token at each login, and the old one is invalid",
    "login",
    "makes a new token at every login and ends the presented session (deviation 4)",
  ),
  shown("7.3.1", "an idle limit", "sessions", "ends after 7 days unused (deviation 6)"),
  shown("7.3.2", "an absolute limit", "sessions", "ends 14 days after its login, also if it is used"),
  shownBy("7.4.1", "an ended or expired session cannot be used", [
    ["sessions", "ends the session before the next request and deletes both cookies"],
    ["sessions", "ends after 7 days unused (deviation 6)"],
    ["sessions", "ends 14 days after its login, also if it is used"],
  ]),
  shownBy("7.4.2", "deactivation and deletion end all sessions", [
    ["sessions", "ends for good if its user is deactivated (deviation 5) or deleted"],
    ["session-limit", "are all ended by *"],
  ]),
  shown(
    "7.4.3",
    "a changed password can end the other sessions",
    "sessions",
    "ends at a change of the password, unless it made the change",
  ),
  shown(
    "7.4.4",
    "pages behind a login have a visible logout",
    "safe-methods",
    "every page of a user who is logged in has the button to log out (ASVS 5.0 V7.4.4)",
  ),
  shown(
    "7.4.5",
    "administrators can end the sessions of a user",
    "cli",
    "* ends all sessions of the user, and no others, before the next request",
  ),
  shown(
    "7.5.1",
    "re-authentication before a change of the e-mail address",
    "recent",
    "** needs a proof that is at most 600 seconds old",
    "With mail, the new address must be proved, too, and the former one can undo the change.",
  ),
  unclaimed(
    "7.5.2",
    "users see their sessions, and end them after re-authentication",
    "They see and end them. A login of the last day needs no further proof.",
  ),
  shown(
    "7.5.3",
    "re-authentication before a highly sensitive action",
    "browser-account",
    "changes the password, which logs every other browser out and keeps this one",
    "The change of the password. Other such actions: 7.5.1, and the second factors.",
  ),
  unclaimed("7.6.1", "lifetimes of federated sessions", "There is no federation."),
  shown(
    "7.6.2",
    "no session without an action of the user",
    "cross-site",
    "from another site is denied, even with a valid token, and even a login (deviations 1, 2)",
    "A login from another site is denied.",
  ),
];
