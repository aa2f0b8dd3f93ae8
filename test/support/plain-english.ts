/** Words and turns that readers had to decode. The field's own terms take their place: denied, expired, validation error. */
export const DECODED: RegExp =
  /\b(whom(ever)?|whoever|nobody|anybody|somebody|everybody|unbidden|unasked|hold(s|ing)? off|held off|(is|are|was|were|be|being) told|(is|are|was|were) over|mistakes?|refus(e|es|ed|al|als|ing)|as (it|they) (is|are|was|were)|what (it|they|he) (is|are|was|were|has|have))\b/i;

/** Data that is stored or printed for machines, and stays: the actor of an event, the outcome of a login in the metrics, a key in the JSON of `audit --verify`. */
export const DATA = /"nobody"|"refused"|\bmistake(?=: |"\]| \}|,)/g;

/** Files that still have them. This list only shrinks. */
export const NOT_YET_PLAIN: ReadonlySet<string> = new Set([
  "lib/account/change-password.ts",
  "lib/account/login.ts",
  "lib/account/profile.ts",
  "lib/account/set-up.ts",
  "lib/cli/audit-verify.ts",
  "lib/cli/audit.ts",
  "lib/cli/backup.ts",
  "lib/cli/check.ts",
  "lib/cli/command.ts",
  "lib/cli/copy.ts",
  "lib/cli/findings.ts",
  "lib/cli/password.ts",
  "lib/cli/run.ts",
  "lib/cli/sessions.ts",
  "lib/cli/terminal.ts",
  "lib/cli/users.ts",
  "lib/cli/workers.ts",
  "lib/http/fields.ts",
  "lib/http/problem.ts",
  "lib/pages/devices.ts",
  "lib/pages/form.ts",
  "lib/pages/layout.ts",
  "lib/pages/login.ts",
  "lib/pages/messages/en.ts",
  "lib/pages/messages/it.ts",
  "lib/pages/messages/messages.ts",
  "lib/pages/password.ts",
  "lib/pages/profile.ts",
  "lib/pages/sessions.ts",
  "lib/pages/set-up.ts",
  "lib/passwords/password-rules.ts",
  "lib/pipeline/csrf.ts",
  "lib/pipeline/error-response.ts",
  "lib/pipeline/page-responses.ts",
  "lib/pipeline/responses.ts",
  "lib/throttle/device-cookie.ts",
  "lib/throttle/rules.ts",
  "lib/users/username.ts",
]);
