import type { Context, Guard, Handler } from "./context.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One row of the table of endpoints. */
export interface Route {
  method: Method;
  /** With a final slash, but for what operators ask. */
  path: string;
  /** The name of its guard: who may come in. */
  admits: string;
  /** The guard: lets the request in or throws a Problem. */
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

/** Finds the endpoint of a decoded path. */
export type Router = (path: string) => Endpoint | undefined;

export function createRouter(routes: readonly Route[]): Router {
  const endpoints = new Map<string, Endpoint>();
  for (const [path, rows] of Map.groupBy(routes, (row) => row.path)) {
    endpoints.set(path, { path, routes: rows, allow: allowOf(rows), name: nameOf(path) });
  }
  return (path) => endpoints.get(path);
}

/** The row that answers a method: HEAD is answered as GET, without its body. */
export function routeFor({ routes }: Endpoint, method: string): Route | undefined {
  const wanted = method === "HEAD" ? "GET" : method;
  return routes.find((row) => row.method === wanted);
}

const DRF_ORDER = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function allowOf(routes: readonly Route[]): string {
  const methods = new Set<string>(["OPTIONS", ...routes.map(({ method }) => method)]);
  if (methods.has("GET")) methods.add("HEAD");
  return DRF_ORDER.filter((method) => methods.has(method)).join(", ");
}

function nameOf(path: string): string {
  const last = path.split("/").findLast((segment) => segment !== "") ?? "";
  return last.charAt(0).toUpperCase() + last.slice(1);
}
