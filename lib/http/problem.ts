/**
 * Every way a request can be refused: its status, and the text of its body. Where the wire is Django REST
 * Framework's, so are the codes and the words; `{name}` is filled in from the Problem's values.
 */
export const REFUSALS = {
  bad_host: { status: 400, detail: "Bad Request: the Host header names no site served here." },
  parse_error: { status: 400, detail: "{parser} parse error - {reason}" },
  too_many_fields: { status: 400, detail: "Bad Request: more than {limit} fields." },
  body_incomplete: { status: 400, detail: "Bad Request: the request body ended early." },
  not_a_dictionary: { status: 400, non_field_errors: "Invalid data. Expected a dictionary, but got {type}." },
  no_data: { status: 400, non_field_errors: "No data provided" },
  invalid: { status: 400, fields: "{field}: {messages}" },
  wrong_credentials: { status: 400, non_field_errors: "Access denied: wrong username or password." },
  not_authenticated: { status: 403, detail: "Authentication credentials were not provided." },
  csrf_site: {
    status: 403,
    detail:
      "CSRF Failed: Sec-Fetch-Site is {site}, so this comes from another site. " +
      "Allow its Origin with POSTERN_TRUSTED_ORIGINS.",
  },
  csrf_origin: {
    status: 403,
    detail: "CSRF Failed: Origin checking failed - {origin} does not match any trusted origins.",
  },
  csrf_cookie: { status: 403, detail: "CSRF Failed: CSRF cookie not set." },
  csrf_token: { status: 403, detail: "CSRF Failed: CSRF token missing or incorrect." },
  not_found: { status: 404, detail: "Not found." },
  method_not_allowed: { status: 405, detail: 'Method "{method}" not allowed.' },
  not_acceptable: { status: 406, detail: "Could not satisfy the request Accept header." },
  body_timeout: { status: 408, detail: "The request body did not arrive within {seconds} seconds." },
  body_too_large: { status: 413, detail: "Request body exceeded {limit} bytes." },
  unsupported_media_type: { status: 415, detail: 'Unsupported media type "{type}" in request.' },
  throttled: { status: 429, detail: "Request was throttled. Expected available in {seconds} seconds." },
  // nginx's status for it: nobody reads this but the log.
  abandoned: { status: 499, detail: "The client has gone." },
  server_error: { status: 500, detail: "A server error occurred." },
  unavailable: { status: 503, detail: "The database cannot be reached. Expected available in {seconds} seconds." },
  overloaded: { status: 503, detail: "The server is busy. Expected available in {seconds} seconds." },
} as const satisfies Record<string, Refusal>;

type Refusal = { status: number } & (
  | { detail: string }
  | { non_field_errors: string }
  /** The body is one member a field: `{"username":["This field is required."]}`. */
  | { fields: string }
);

export type ProblemCode = keyof typeof REFUSALS;

/** Messages for one or more fields of a form, as Django REST Framework words and orders them. */
export type FieldErrors = Record<string, string[]>;

interface ProblemParts {
  values?: Record<string, string | number>;
  fields?: FieldErrors;
  /** Sent as Retry-After (RFC 9110 §10.2.3). */
  retryAfterSeconds?: number;
}

/** A refused request: thrown anywhere below the pipeline, caught only there, answered with `status` and `body`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** What the body says, by field and of the request as a whole. */
  readonly mistakes: { fields: FieldErrors; form: string[] };
  readonly retryAfterSeconds: number | null;

  /** Whether a person mends it by filling the form in again, now or a little later. */
  get isMistake(): boolean {
    return this.status === 400 || this.status === 429 || this.code === "overloaded";
  }

  constructor(code: ProblemCode, { values = {}, fields = {}, retryAfterSeconds }: ProblemParts = {}) {
    super(code);
    this.code = code;
    const refusal: Refusal = REFUSALS[code];
    this.status = refusal.status;
    this.retryAfterSeconds = retryAfterSeconds ?? null;
    const text = "detail" in refusal ? refusal.detail : "non_field_errors" in refusal ? refusal.non_field_errors : null;
    this.mistakes = { fields, form: text === null ? [] : [fill(text, values)] };
    if ("detail" in refusal) this.body = { detail: this.mistakes.form[0] };
    else if ("non_field_errors" in refusal) this.body = { non_field_errors: this.mistakes.form };
    else this.body = fields;
  }
}

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
