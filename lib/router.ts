import type { Context, Guard, Handler } from "./context.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One row of the table of endpoints. */
export interface Route {
  method: Method;
  /** Literal segments and `:name` ones, with a final slash. */
  path: string;
  /** The name of its guard: who may come in. */
  admits: string;
  /** Lets the request in or throws a Problem. */
  admit: (context: Context) => void;
  /** Guard, then handler. */
  answer: (context: Context) => Response | Promise<Response>;
}

/** A row whose handler gets exactly the context that its guard makes: a mismatch does not compile. */
export function route<C extends Context>(method: Method, path: string, guard: Guard<C>, handler: Handler<C>): Route {
  return { method, path, admits: guard.name, admit: guard, answer: (context) => handler(guard(context)) };
}

/** All the rows of one path. */
export interface Endpoint {
  path: string;
  routes: readonly Route[];
  /** The `Allow` header, in the order Django REST Framework gives it. */
  allow: string;
  /** What OPTIONS calls it: `Profile` for `/profile/`. */
  name: string;
}

export interface Match {
  endpoint: Endpoint;
  parameters: Record<string, string>;
}

/** Finds the endpoint of a decoded path: a Map for the fixed ones, a walk over the few that vary. */
export function createRouter(routes: readonly Route[]): (path: string) => Match | null {
  const fixed = new Map<string, Match>();
  const varying: { segments: string[]; endpoint: Endpoint }[] = [];
  for (const [path, rows] of Map.groupBy(routes, (row) => row.path)) {
    const endpoint = { path, routes: rows, allow: allowOf(rows), name: nameOf(path) };
    if (path.includes(":")) varying.push({ segments: path.split("/"), endpoint });
    else fixed.set(path, { endpoint, parameters: {} });
  }
  return (path) => {
    const match = fixed.get(path);
    if (match) return match;
    const segments = path.split("/");
    for (const candidate of varying) {
      const parameters = matchSegments(candidate.segments, segments);
      if (parameters) return { endpoint: candidate.endpoint, parameters };
    }
    return null;
  };
}

/** The row that answers a method: HEAD is answered as GET, without its body. */
export function routeFor({ routes }: Endpoint, method: string): Route | undefined {
  const wanted = method === "HEAD" ? "GET" : method;
  return routes.find((row) => row.method === wanted);
}

function matchSegments(pattern: string[], segments: string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (expected.startsWith(":") && segment !== "") parameters[expected.slice(1)] = segment;
    else if (expected !== segment) return null;
  }
  return parameters;
}

const DRF_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function allowOf(routes: readonly Route[]): string {
  const methods = new Set<string>(["OPTIONS", ...routes.map(({ method }) => method)]);
  if (methods.has("GET")) methods.add("HEAD");
  return DRF_ORDER.filter((method) => methods.has(method)).join(", ");
}

function nameOf(path: string): string {
  const last = path.split("/").findLast((segment) => segment !== "" && !segment.startsWith(":")) ?? "";
  return last.charAt(0).toUpperCase() + last.slice(1);
}
