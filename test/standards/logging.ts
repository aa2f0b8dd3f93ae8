import { type Requirement, shown, shownBy, unclaimed } from "./requirement.ts";

/** OWASP ASVS 5.0, V16 Security Logging and Error Handling. */
export const LOGGING: readonly Requirement[] = [
  unclaimed(
    "16.1.1",
    "an inventory of the log: content, place, readers, retention",
    "The content is documented. The rest is the operator's decision.",
  ),
  shown(
    "16.2.1",
    "each entry has time, place, actor and action",
    "logs",
    "has the time, route, result, user and client address",
  ),
  shown(
    "16.2.2",
    "times in UTC",
    "logs",
    "has the time, route, result, user and client address",
    "The clock is the machine's.",
  ),
  unclaimed("16.2.3", "logs go only to documented places", "They go to standard output only. No test shows it."),
  shown(
    "16.2.4",
    "logs can be read by machines",
    "logs",
    "is one line of printable characters, for any text of the client",
  ),
  shown(
    "16.2.5",
    "credentials, tokens, hashes, bodies and queries are not logged",
    "logs",
    "the log of a whole run holds no secret of it",
    "Of the log. It holds user ids and addresses of clients.",
  ),
  shownBy("16.3.1", "logins are recorded, successful and failed", [
    ["audit", "records a login with time, user, address, device and request"],
    ["audit", "records a failed login for its account, without an actor"],
  ]),
  shown(
    "16.3.2",
    "denied requests are logged",
    "logs",
    "has the code of a problem, and no user if the client is not authenticated",
    "Level 2.",
  ),
  shownBy(
    "16.3.3",
    "attempts to evade the controls are logged",
    [
      ["throttle", "throttled logins have an outcome in the metrics and a code in the log"],
      ["cross-site", "that is denied has its Origin and Host in the log, and no other text of the client"],
      ["cross-site", "for another host than the public one has that Host in the log, if it is well formed"],
    ],
    "Throttled logins, cross-site requests and requests for other hosts. Of validation errors, the log has status and code.",
  ),
  shown(
    "16.3.4",
    "unexpected errors are logged",
    "requests",
    "an unexpected error is a 500 without details, which are in the log",
  ),
  shown(
    "16.4.1",
    "nothing can be injected into the log",
    "logs",
    "is one line of printable characters, for any text of the client",
  ),
  unclaimed(
    "16.4.2",
    "logs are protected from readers and cannot be modified",
    "The audit trail shows changes, and does not prevent them. Standard output is the operator's.",
  ),
  unclaimed("16.4.3", "logs are sent to another system safely", "This is the operator's task."),
  shown(
    "16.5.1",
    "errors disclose nothing to the client",
    "requests",
    "an unexpected error is a 500 without details, which are in the log",
  ),
  shown(
    "16.5.2",
    "the application survives failures of external resources",
    "postgres",
    "an outage is answered 503 with Retry-After, and the node recovers by itself",
    "Of the database.",
  ),
  shownBy(
    "16.5.3",
    "failures do not open",
    [
      ["requests", "an unexpected error is a 500 without details, which are in the log"],
      ["postgres", "an outage is answered 503 with Retry-After, and the node recovers by itself"],
    ],
    "A failing password check and a failing database.",
  ),
  shown(
    "16.5.4",
    "a last handler of all errors",
    "requests",
    "an unexpected error is a 500 without details, which are in the log",
    "Of the errors of a request.",
  ),
];
