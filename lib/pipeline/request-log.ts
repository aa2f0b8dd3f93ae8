import type { Arrival } from "../context.ts";
import { isHost } from "../http/address.ts";
import type { ProblemCode } from "../http/problem.ts";
import type { LogFields } from "../observability/log.ts";
import type { Answered } from "../observability/metrics.ts";
import type { Reply } from "./reply.ts";
import { OPS } from "./surface.ts";

/** Those that clients send in earnest. No other is named: a client can make up any number of methods. */
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** An origin is a scheme, a name of at most 253 characters (RFC 1035 §2.3.4) and a port. */
const MAX_ORIGIN_CHARACTERS = 270;

/** Writes one log line and counts once. Of what the client sent, the line holds only an Origin or Host that did not match. */
export function logRequest(
  stage: Arrival,
  { response, loggedInUserId }: Reply,
  { ms, problem }: Pick<Answered, "ms" | "problem">,
): void {
  const { services, request, requestId, client, endpoint, auth } = stage;
  const { status } = response;
  const answered: Answered = {
    route: endpoint?.path ?? null,
    method: methodOf(request),
    status,
    ms: Math.max(0, ms), // The machine's clock may have been put back.
    problem,
  };
  services.metrics.answered(answered);
  // Probes that come every other second would bury everything else.
  if (status === 200 && endpoint?.surface === OPS) return;
  const userId = loggedInUserId ?? (auth === null || auth.level === "anonymous" ? null : auth.user.id);
  const fields: LogFields = { request_id: requestId, ...answered, user_id: userId, client: client.address };
  const mismatched = mismatch(stage, problem);
  services.log("info", "request", mismatched === null ? fields : { ...fields, ...mismatched }); // A spread is slow.
}

function methodOf({ method }: Request): string {
  if (method === "HEAD") return "GET";
  return METHODS.has(method) ? method : "other";
}

/** What did not match. If every request is denied so, a proxy changes the Host: the operator sees it here. */
function mismatch({ request, client: { host } }: Arrival, problem: ProblemCode | null): LogFields | null {
  if (problem === "csrf_origin" || problem === "csrf_site") {
    return { origin: clean(request.headers.get("origin")), host: clean(host) };
  }
  return problem === "bad_host" && host !== null && isHost(host) ? { host: clean(host) } : null;
}

/** Printable ASCII, which is all that an origin has; cut. */
function clean(text: string | null): string | null {
  return text?.slice(0, MAX_ORIGIN_CHARACTERS).replace(/[^ -~]/g, "?") ?? null;
}
