import { type FieldErrors, fill, type Values, wireText } from "./message.ts";

/**
 * Every reason to deny a request: its status, and the text of its body. The codes and words are Django REST Framework's
 * if it has them. `{name}` stands for a value of the Problem. Each text is one literal: the compiler reads its placeholders.
 */
export const PROBLEMS = {
  bad_host: { status: 400, detail: "Bad Request: the Host header names no site served here." },
  parse_error: { status: 400, detail: "{parser} parse error - {reason}" },
  too_many_fields: { status: 400, detail: "Bad Request: more than {limit} fields." },
  body_incomplete: { status: 400, detail: "Bad Request: the request body ended early." },
  not_a_dictionary: { status: 400, non_field_errors: "Invalid data. Expected a dictionary, but got {type}." },
  no_data: { status: 400, non_field_errors: "No data provided" },
  invalid: { status: 400, fields: "{field}: {messages}" },
  invalid_link: { status: 400, token: "This link is not valid any more. Ask for a new one." },
  email_taken: { status: 400, non_field_errors: "This email address belongs to another account." },
  wrong_credentials: { status: 400, non_field_errors: "Access denied: wrong username or password." },
  last_superuser: {
    status: 400,
    non_field_errors: "This is the last active superuser. Make another user a superuser first.",
  },
  address_changed: {
    status: 400,
    non_field_errors: "The email address was changed in the last 7 days. Delete the account after that time.",
  },
  no_password: { status: 400, non_field_errors: "This account has no password. Ask an administrator to delete it." },
  not_authenticated: { status: 403, detail: "Authentication credentials were not provided." },
  csrf_site: {
    status: 403,
    detail:
      "CSRF Failed: Sec-Fetch-Site is {site}, so this comes from another site. Allow its Origin with POSTERN_TRUSTED_ORIGINS.",
  },
  csrf_origin: {
    status: 403,
    detail: "CSRF Failed: Origin checking failed - {origin} does not match any trusted origins.",
  },
  csrf_cookie: { status: 403, detail: "CSRF Failed: CSRF cookie not set." },
  csrf_token: { status: 403, detail: "CSRF Failed: CSRF token missing or incorrect." },
  permission_denied: { status: 403, detail: "You do not have permission to perform this action." },
  recent_login_required: { status: 403, detail: "The login is too old for this. Log in again.", methods: true },
  second_factor_required: { status: 403, detail: "A second factor is required.", methods: true },
  second_factor_setup_required: { status: 403, detail: "Set up a second factor first.", methods: true },
  login_expired: { status: 403, detail: "The login has expired. Log in again." },
  passkey_rejected: { status: 400, non_field_errors: "The passkey was not accepted." },
  passkey_unknown: { status: 400, non_field_errors: "The passkey is not known here.", showsCode: true },
  too_many_passkeys: { status: 400, non_field_errors: "You have {limit} passkeys already. Remove one first." },
  proxy_not_trusted: {
    status: 403,
    detail: "This is not a trusted proxy. If it is yours, add its address to POSTERN_TRUSTED_PROXIES.",
  },
  forwarded_header: { status: 400, detail: "The proxy must send the header {header} with the original request." },
  lookalike_header: { status: 400, detail: "The header {header} is denied: an application may read it as {identity}." },
  forwarded_query: {
    status: 400,
    detail: "The auth URL must end with its own query or with a question mark, so that no client can add conditions.",
  },
  unknown_condition: { status: 400, detail: "{name} is no parameter of an auth URL.{suggestion}" },
  invalid_condition: {
    status: 400,
    detail: "The parameter {name} of the auth URL is malformed. Expected: {expected}.",
  },
  not_found: { status: 404, detail: "Not found." },
  method_not_allowed: { status: 405, detail: 'Method "{method}" not allowed.' },
  not_acceptable: { status: 406, detail: "Could not satisfy the request Accept header." },
  body_timeout: { status: 408, detail: "The request body did not arrive within {seconds} seconds." },
  body_too_large: { status: 413, detail: "Request body exceeded {limit} bytes." },
  unsupported_media_type: { status: 415, detail: 'Unsupported media type "{type}" in request.' },
  throttled: { status: 429, detail: "Request was throttled. Expected available in {seconds} seconds." },
  // nginx's status for a client that has closed its connection. The log alone shows it.
  abandoned: { status: 499, detail: "The client has gone." },
  server_error: { status: 500, detail: "A server error occurred." },
  unavailable: { status: 503, detail: "The database cannot be reached. Expected available in {seconds} seconds." },
  overloaded: { status: 503, detail: "The server is busy. Expected available in {seconds} seconds." },
} as const satisfies Record<string, Template>;

type Template = {
  status: number;
} /** With `methods`, the body has the code too, and the names of the ways to go on. */ & (
  | { detail: string; methods?: true }
  /** With `showsCode`, the body has the code too: a page acts on it. */
  | { non_field_errors: string; showsCode?: true }
  /** The field of a link's secret. */
  | { token: string }
  /** The body has one member a field: `{"username":["This field is required."]}`. */
  | { fields: string }
);

export type ProblemCode = keyof typeof PROBLEMS;
export type ProblemStatus = (typeof PROBLEMS)[ProblemCode]["status"];

/** Every code but `invalid`, which has the messages of its fields instead of a text. */
export type TextCode = Exclude<ProblemCode, "invalid">;

/** The text of a problem, on the wire. */
type WireText<Code extends TextCode> = (typeof PROBLEMS)[Code] extends { readonly detail: infer Text extends string }
  ? Text
  : (typeof PROBLEMS)[Code] extends { readonly non_field_errors: infer Text extends string }
    ? Text
    : never;

/** The values that a problem's text needs; `never` as a key, and so none, if it has no placeholder. */
export type ProblemValues<Code extends TextCode> = Values<WireText<Code>>;

/** A way to prove to be present, as an answer names it. */
export type ProofMethod = "password" | "totp" | "passkey" | "recovery_code";

/**
 * After the code: the fields of `invalid`, the ways to go on, the values of a text with placeholders, else nothing.
 */
type Details<Code extends ProblemCode> = Code extends TextCode
  ? (typeof PROBLEMS)[Code] extends { readonly methods: true }
    ? [methods: readonly ProofMethod[]]
    : [keyof ProblemValues<Code>] extends [never]
      ? []
      : [values: ProblemValues<Code>]
  : [fields: FieldErrors];

/** The codes that the page of a form explains: a person mends most by sending the form again, now or a little later. */
export const FORM_CODES = [
  "wrong_credentials",
  "email_taken",
  "last_superuser",
  "address_changed",
  "no_password",
  "passkey_rejected",
  "too_many_passkeys",
  "throttled",
  "overloaded",
  "unavailable",
] as const;

export type FormCode = (typeof FORM_CODES)[number];

/** Something that is wrong with a form as a whole: a code, and the values of its text. */
export type FormMessage = {
  [Code in FormCode]: { readonly code: Code; readonly values: ProblemValues<Code> };
}[FormCode];

/** What is wrong with a form that a client has sent. */
export interface ValidationErrors {
  /** By the field's name. */
  fields: FieldErrors;
  form: readonly FormMessage[];
}

export const NO_ERRORS: ValidationErrors = { fields: {}, form: [] };

/** A denied request: thrown anywhere below the pipeline, caught only there, answered with `status` and `body`. */
export class Problem<Code extends ProblemCode = ProblemCode> extends Error {
  override readonly name = "Problem";
  readonly code: Code;
  readonly status: ProblemStatus;
  readonly body: Record<string, unknown>;
  /** What a form's page shows: by field, and for the form as a whole. */
  readonly validationErrors: ValidationErrors;
  /** Sent as Retry-After (RFC 9110 §10.2.3); null if waiting does not help. */
  readonly retryAfterSeconds: number | null;

  /** Whether the page of the form explains it. */
  get isFormError(): boolean {
    return this.code === "invalid" || this.validationErrors.form.length > 0;
  }

  constructor(code: Code, ...details: Details<Code>) {
    super(code);
    this.code = code;
    const template: Template = PROBLEMS[code];
    this.status = PROBLEMS[code].status;
    const [given = {}] = details;
    if ("fields" in template) {
      const fields = given as FieldErrors; // `Details` gives fields to this code alone.
      this.body = Object.fromEntries(Object.entries(fields).map(([name, messages]) => [name, messages.map(wireText)]));
      this.validationErrors = { fields, form: [] };
      this.retryAfterSeconds = null;
      return;
    }
    if ("methods" in template) {
      this.body = { detail: template.detail, code, methods: given }; // `Details` gives methods to these codes.
      this.validationErrors = NO_ERRORS;
      this.retryAfterSeconds = null;
      return;
    }
    const values = given as Record<string, string | number>; // `Details` gives values to all other codes.
    this.body = bodyOf(template, values);
    if ("showsCode" in template) this.body["code"] = code;
    const formCode = FORM_CODES.find((one) => one === code);
    // The values are those of the code, as `Details` has checked.
    this.validationErrors = formCode ? { fields: {}, form: [{ code: formCode, values } as FormMessage] } : NO_ERRORS;
    this.retryAfterSeconds = formCode !== undefined && "seconds" in values ? Number(values["seconds"]) : null;
  }
}

function bodyOf(
  template: Exclude<Template, { fields: string }>,
  values: Record<string, string | number>,
): Record<string, unknown> {
  if ("detail" in template) return { detail: fill(template.detail, values) };
  if ("token" in template) return { token: [fill(template.token, values)] };
  return { non_field_errors: [fill(template.non_field_errors, values)] };
}
