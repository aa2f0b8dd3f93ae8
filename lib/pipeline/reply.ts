import type { ProblemCode } from "../http/problem.ts";

/** The answer of a handler, and the facts of it that the pipeline and the log need. */
export interface Reply {
  readonly response: Response;
  /** Whether the headers began with the endpoint's prepared ones: security headers, `Allow` and `Vary` are there. */
  readonly isPrepared: boolean;
  /** `Set-Cookie` values. */
  readonly cookies: readonly string[];
  /** The user that this request logged in, for the log; else null. */
  readonly loggedInUserId: number | null;
  /** Whether this request ended a live session that it presented. */
  readonly isLoggedOut: boolean;
  /** Why the request was denied, for the log; null if it was not, or by a Problem. */
  readonly problem: ProblemCode | null;
}

/** The parts of a Reply besides its response. */
export type ReplyParts = Partial<Omit<Reply, "response">>;

const NO_COOKIES: readonly string[] = [];

export function reply(response: Response, parts: ReplyParts = {}): Reply {
  const {
    isPrepared = false,
    cookies = NO_COOKIES,
    loggedInUserId = null,
    isLoggedOut = false,
    problem = null,
  } = parts;
  return { response, isPrepared, cookies, loggedInUserId, isLoggedOut, problem };
}
