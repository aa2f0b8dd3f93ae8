import type { Arrival } from "../context.ts";
import type { ProblemCode } from "../http/problem.ts";
import { isHost } from "../http/target.ts";
import type { LogFields, RequestFields } from "../observability/log.ts";
import type { Answered } from "../observability/metrics.ts";
import type { Reply } from "./reply.ts";
import { OPS } from "./surface.ts";

/** The methods that the log names. A client can make up any number of others. */
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** An origin is a scheme, a name of at most 253 characters (RFC 1035 §2.3.4) and a port. */
const MAX_ORIGIN_CHARACTERS = 270;

/** Writes one log line and counts once. The line holds nothing that the client sent but an Origin or Host that did not match. */
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
  // Probes come every few seconds and would fill the log.
  if (status === 200 && endpoint?.surface === OPS) return;
  const userId = loggedInUserId ?? (auth === null || auth.level === "anonymous" ? null : auth.user.id);
  const fields: RequestFields = { request_id: requestId, ...answered, user_id: userId, client: client.address };
  const mismatched = mismatch(stage, problem);
  if (mismatched === null) services.log.request(fields);
  else services.log("info", "request", { ...fields, ...mismatched });
}

function methodOf({ method }: Request): string {
  if (method === "HEAD") return "GET";
  return METHODS.has(method) ? method : "other";
}

/** The Origin and Host that did not match. They show an operator that a proxy changes the Host. */
function mismatch({ request, client: { host } }: Arrival, problem: ProblemCode | null): LogFields | null {
  if (problem === "csrf_origin" || problem === "csrf_site") {
    return { origin: clean(request.headers.get("origin")), host: clean(host) };
  }
  return problem === "bad_host" && host !== null && isHost(host) ? { host: clean(host) } : null;
}

/** Printable ASCII, cut. An origin has no other characters. */
function clean(text: string | null): string | null {
  return text?.slice(0, MAX_ORIGIN_CHARACTERS).replace(/[^ -~]/g, "?") ?? null;
}
