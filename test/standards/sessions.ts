import { type Requirement, shown, unclaimed } from "./requirement.ts";

/** OWASP ASVS 5.0, V7 Session Management. */
export const SESSIONS: readonly Requirement[] = [
  unclaimed(
    "7.1.1",
    "both time limits are documented and justified",
    "Documented; the justification is of whoever runs it.",
  ),
  unclaimed(
    "7.1.2",
    "how many sessions one account may have is documented",
    "No limit: the list of sessions shows them.",
  ),
  unclaimed("7.1.3", "federation is documented", "There is none."),
  shown(
    "7.2.1",
    "tokens are verified at the server",
    "sessions-model",
    "any sequence of logins, logouts, waits, changes and late bodies is answered as the model says",
  ),
  shown(
    "7.2.2",
    "tokens are made for each session",
    "login",
    "gives a new token at every login and ends the session that was presented (deviation 4)",
  ),
  shown("7.2.3", "128 random bits", "architecture", "randomness comes from crypto.getRandomValues", "160."),
  shown(
    "7.2.4",
    "a new token at each login, the old one ended",
    "login",
    "gives a new token at every login and ends the session that was presented (deviation 4)",
  ),
  shown("7.3.1", "an idle limit", "sessions", "ends after 7 days unused (deviation 6)"),
  shown("7.3.2", "an absolute limit", "sessions", "ends 14 days after its login, however much it is used"),
  shown(
    "7.4.1",
    "a session that has ended cannot be used",
    "sessions",
    "ends the session at the very next request and expires both cookies",
  ),
  shown(
    "7.4.2",
    "deactivation and deletion end all sessions",
    "sessions",
    "ends for good when its user is deactivated (deviation 5) or deleted",
  ),
  shown(
    "7.4.3",
    "a changed password can end the other sessions",
    "sessions",
    "ends at a change of the password, but for the one that asked",
  ),
  shown("7.4.4", "pages have a visible logout", "browser-login", "logs in, sees the profile, and logs out"),
  shown(
    "7.4.5",
    "administrators can end the sessions of a user",
    "cli",
    "* ends the user's sessions before the very next request, and no one else's",
  ),
  unclaimed(
    "7.5.1",
    "authentication anew before an e-mail address is changed",
    "PATCH /profile/ asks for no password; e-mail plays no part in authentication here.",
  ),
  unclaimed(
    "7.5.2",
    "users see their sessions and, authenticated anew, end them",
    "They see and end them; the password is not asked for again.",
  ),
  shown(
    "7.5.3",
    "authentication anew before what is highly sensitive",
    "browser-account",
    "changes the password, which throws every other browser out and keeps this one",
    "The change of the password, the one such thing here.",
  ),
  unclaimed("7.6.1", "lifetimes of federated sessions", "There is no federation."),
  shown(
    "7.6.2",
    "no session without its user's doing",
    "cross-site",
    "is refused from another site even with a good token, and a login without a session too (deviations 1, 2)",
  ),
];
