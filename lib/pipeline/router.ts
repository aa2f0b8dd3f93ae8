import type { Context, Endpoint, FormPage, Guard, Handler, Match, Method, Route, Router } from "../context.ts";
import { andThen } from "./maybe-promise.ts";
import { prepareHeaders } from "./security-headers.ts";

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
