import { type Requirement, shown, unclaimed } from "./requirement.ts";

/** OWASP ASVS 5.0, V16 Security Logging and Error Handling. */
export const LOGGING: readonly Requirement[] = [
  unclaimed(
    "16.1.1",
    "an inventory of what is logged, where, for whom and how long",
    "The README tells what and how; where it goes and how long it stays is the operator's.",
  ),
  shown("16.2.1", "when, where, who, what", "logs", "tells when, what, how it ended, who asked and from where"),
  shown(
    "16.2.2",
    "times in UTC",
    "logs",
    "tells when, what, how it ended, who asked and from where",
    "The clock is the machine's.",
  ),
  unclaimed("16.2.3", "logs go nowhere else", "To standard output and nowhere else; no test shows it."),
  shown(
    "16.2.4",
    "logs can be read by machines",
    "logs",
    "is one line of plain characters, whatever the client sends anywhere",
  ),
  shown("16.2.5", "nothing sensitive is logged", "logs", "a whole run writes none of the secrets that went through it"),
  shown(
    "16.3.1",
    "every authentication is logged",
    "audit",
    "tells of a login: when, who, from where, with what, and in which request",
  ),
  shown(
    "16.3.2",
    "refusals are logged",
    "logs",
    "tells what it was refused with, and of nobody where nobody is known",
    "Level 2.",
  ),
  shown(
    "16.3.3",
    "attempts to get around the controls are logged",
    "throttle",
    "throttled logins are an outcome of their own in the metrics and a code in the log",
  ),
  shown(
    "16.3.4",
    "unexpected errors are logged",
    "requests",
    "an unexpected error is a silent 500, with everything in the log",
  ),
  shown(
    "16.4.1",
    "nothing can be injected into the log",
    "logs",
    "is one line of plain characters, whatever the client sends anywhere",
  ),
  shown(
    "16.4.2",
    "logs cannot be modified",
    "audit-chain",
    "to empty the table, or to replace rows of it",
    "Of the audit trail; standard output is the operator's.",
  ),
  unclaimed("16.4.3", "logs are sent elsewhere safely", "The operator's."),
  shown(
    "16.5.1",
    "errors tell the client nothing",
    "requests",
    "an unexpected error is a silent 500, with everything in the log",
  ),
  shown("16.5.2", "what is outside may fail", "postgres", "an outage is a 503 with Retry-After, and passes by itself"),
  shown(
    "16.5.3",
    "failures do not open",
    "login",
    "does not let in who was deactivated, or whose password changed, while their password was checked",
  ),
  shown(
    "16.5.4",
    "a last handler of all errors",
    "fuzz",
    "requests damaged in every way are answered with no 5xx, leave nothing hanging and no memory taken",
  ),
];
