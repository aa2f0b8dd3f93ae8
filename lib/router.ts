import type { Context, Guard, Handler } from "./context.ts";
import { prepareHeaders } from "./headers.ts";
import type { Problem } from "./problem.ts";
import { andThen, type Soon } from "./soon.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One row of the table of endpoints. */
export interface Route {
  method: Method;
  /** With a final slash, but for files and what operators ask. A segment `:name` takes any one segment. */
  path: string;
  /**
   * `page`: for browsers alone, a program is answered as if it were not there. `file`: the same bytes for everybody.
   * `operations`: for programs of those who run the server, that know no Host, no Accept and no session.
   */
  kind: "route" | "page" | "file" | "operations";
  /** The name of its guard: who may come in. */
  admits: string;
  /** The guard: lets the request in or throws a Problem. */
  admit: (context: Context) => unknown;
  /** Guard, then handler. */
  answer: (context: Context) => Soon<Response>;
  /** Shows a browser the form again that it was refused with; null where there is none. */
  showAgain: ((context: Context, problem: Problem) => Promise<Response>) | null;
}

/** Answers a refused form with its page, the mistakes beside their fields. */
export type FormPage<C extends Context> = (context: C, problem: Problem) => Soon<Response>;

/** A row whose handler gets exactly the context that its guard makes: a mismatch does not compile. */
export function route<C extends Context>(
  method: Method,
  path: string,
  guard: Guard<C>,
  handler: Handler<C>,
  form?: FormPage<C>,
): Route {
  return {
    method,
    path,
    kind: "route",
    admits: guard.name,
    admit: guard,
    answer: (context) => andThen(guard(context), handler),
    showAgain: form ? async (context, problem) => form(await guard(context), problem) : null,
  };
}

/** A row for people: what a browser is answered when it goes somewhere, or sends a form. */
export function page<C extends Context>(...row: Parameters<typeof route<C>>): Route {
  return { ...route(...row), kind: "page" };
}

/** A row that looks neither at the session nor at what is accepted: a file is what it is. */
export function file(path: string, guard: Guard<Context>, handler: Handler<Context>): Route {
  return { ...route("GET", path, guard, handler), kind: "file" };
}

/** A row for those who run the server. */
export function operations(path: string, guard: Guard<Context>, handler: Handler<Context>): Route {
  return { ...route("GET", path, guard, handler), kind: "operations" };
}

/** All the rows of one path. */
export interface Endpoint {
  path: string;
  /** That of its rows; `route` where some are for browsers alone. */
  kind: Route["kind"];
  routes: readonly Route[];
  /** The `Allow` header, in the order Django REST Framework gives it. */
  allow: string;
  /** What every answer in JSON begins with, once the session has been looked up: safety, type, `Allow` and `Vary`. */
  headers: Headers;
  /** What OPTIONS calls it: `Profile` for `/profile/`. */
  name: string;
}

/** The endpoint of a decoded path, and what stood in the places of its `:name` segments. */
export interface Match {
  endpoint: Endpoint;
  parameters: Readonly<Record<string, string>>;
}

export type Router = (path: string) => Match | undefined;

export function createRouter(routes: readonly Route[]): Router {
  const fixed = new Map<string, Match>();
  const varying: { pattern: RegExp; endpoint: Endpoint }[] = [];
  for (const [path, rows] of Map.groupBy(routes, (row) => row.path)) {
    const kind = rows.find((row) => row.kind !== "page")?.kind ?? "page";
    const allow = allowOf(rows);
    const headers = prepareHeaders({ "Content-Type": "application/json", Allow: allow, Vary: "Accept, Cookie" });
    const endpoint = { path, kind, routes: rows, allow, headers, name: nameOf(path) };
    if (path.includes(":")) varying.push({ pattern: patternOf(path), endpoint });
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

/** The row that answers a method: HEAD is answered as GET, without its body. */
export function routeFor({ routes }: Endpoint, method: string): Route | undefined {
  const wanted = method === "HEAD" ? "GET" : method;
  return routes.find((row) => row.method === wanted);
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);
}

const DRF_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function allowOf(routes: readonly Route[]): string {
  const methods = new Set<string>(["OPTIONS", ...routes.map(({ method }) => method)]);
  if (methods.has("GET")) methods.add("HEAD");
  return DRF_ORDER.filter((method) => methods.has(method)).join(", ");
}

function nameOf(path: string): string {
  const last = path.split("/").findLast((segment) => /^[^:]/.test(segment)) ?? "";
  return last.charAt(0).toUpperCase() + last.slice(1);
}
