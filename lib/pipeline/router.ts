import type {
  Authenticated,
  Endpoint,
  FormHandler,
  Guard,
  Handler,
  Match,
  Method,
  Route,
  Routed,
  Router,
  Throttle,
} from "../context.ts";
import { anyone } from "./guards.ts";
import { andThen, type MaybePromise } from "./maybe-promise.ts";
import type { Reply } from "./reply.ts";
import { prepareHeaders } from "./security-headers.ts";
import { API, ASSET, FORWARD, OPS, PAGE, type Surface } from "./surface.ts";

/** Makes the rows of a surface. A handler gets exactly the context that guard and throttle make: a mismatch does not compile. */
function rowsOf(surface: Surface) {
  return <C extends Authenticated, T extends C>(
    method: Method,
    path: string,
    guard: Guard<C>,
    throttle: Throttle<C, T>,
    handler: Handler<T>,
    form?: FormHandler<C>,
  ): Route => ({
    method,
    path,
    surface,
    guard,
    throttleName: throttle.name,
    answer: (context) => andThen(guard(context), (admitted) => handler(throttle(admitted))),
    renderWithErrors: form ? async (context, problem) => form(await guard(context), problem) : null,
  });
}

export const api = rowsOf(API);

/** A page, or a form that a browser sends. */
export const page = rowsOf(PAGE);

type SessionlessHandler = (context: Routed) => MaybePromise<Reply>;

/** A file. */
export function asset(path: string, handler: SessionlessHandler): Route {
  return rowsOf(ASSET)("GET", path, anyone, unthrottled, handler);
}

/** An endpoint for proxies and back ends. It answers JSON or nothing but headers, never a page. */
export function forward(
  method: Method,
  path: string,
  guard: Guard<Authenticated>,
  handler: Handler<Authenticated>,
): Route {
  return rowsOf(FORWARD)(method, path, guard, unthrottled, handler);
}

/** An endpoint for operators. */
export function ops(path: string, guard: Guard<Authenticated>, handler: SessionlessHandler): Route {
  return rowsOf(OPS)("GET", path, guard, unthrottled, handler);
}

/** The endpoint checks no secret that can be guessed. */
export function unthrottled<C extends Authenticated>(context: C): C {
  return context;
}

export function createRouter(routes: readonly Route[]): Router {
  const fixed = new Map<string, Match>();
  const varying: { pattern: RegExp; endpoint: Endpoint }[] = [];
  for (const [path, rows] of Map.groupBy(routes, (row) => row.path)) {
    const surface = rows.find((row) => row.surface !== PAGE)?.surface ?? PAGE;
    const allow = allowOf(rows);
    const headers = prepareHeaders({ "Content-Type": "application/json", Allow: allow, ...varyOf(surface) });
    const endpoint = { path, surface, routes: rows, allow, headers, name: nameOf(path) };
    if (!isFixed(path)) varying.push({ pattern: patternOf(path), endpoint });
    else fixed.set(path, { endpoint, parameters: {} });
  }
  return (path) => {
    const match = fixed.get(path);
    if (match) return match;
    for (const { pattern, endpoint } of varying) {
      const found = pattern.exec(path);
      if (found) return { endpoint, parameters: found.groups ?? {} };
    }
    return undefined;
  };
}

function varyOf({ negotiates, readsSession }: Surface): { Vary?: string } {
  const names = [...(negotiates ? ["Accept"] : []), ...(readsSession ? ["Cookie"] : [])];
  return names.length === 0 ? {} : { Vary: names.join(", ") };
}

/** The row of a method. HEAD is answered as GET, without the body. */
export function routeFor({ routes }: Endpoint, method: string): Route | undefined {
  const wanted = method === "HEAD" ? "GET" : method;
  return routes.find((row) => row.method === wanted || row.method === "ANY");
}

/** Whether a route's path matches itself alone. */
export function isFixed(path: string): boolean {
  return !/[:*]/.test(path);
}

function patternOf(path: string): RegExp {
  const escaped = path
    .replaceAll(".", "\\.")
    .replace(/:(\w+)/g, "(?<$1>[^/]+)")
    .replace(/\*$/, ".*");
  return new RegExp(`^${escaped}$`, "s");
}

const DRF_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function allowOf(routes: readonly Route[]): string {
  const methods = new Set<string>(["OPTIONS", ...routes.map(({ method }) => method)]);
  if (methods.has("GET")) methods.add("HEAD");
  if (methods.has("ANY")) return DRF_ORDER.join(", ");
  return DRF_ORDER.filter((method) => methods.has(method)).join(", ");
}

function nameOf(path: string): string {
  const last = path.split("/").findLast((segment) => /^[^:]/.test(segment)) ?? "";
  return last.charAt(0).toUpperCase() + last.slice(1);
}
