/** How the pipeline treats the endpoints of one kind. */
export interface Surface {
  /**
   * `browsers`: a program is answered as if the endpoint did not exist. `operators`: likewise everyone else. `programs`: a
   * browser gets JSON too.
   */
  readonly audience: "everyone" | "browsers" | "programs" | "operators";
  /** Which Host is accepted: the server's own, any from a proxy or this machine, or any. Probes ask by address. */
  readonly hosts: "own" | "own_or_proxy" | "any";
  /** Whether the representation depends on Accept. */
  readonly negotiates: boolean;
  /** Whether the session is looked up. If not, the answer neither sets a cookie nor depends on one. */
  readonly readsSession: boolean;
  /** Whether the groups of the session's user are read with it. */
  readonly readsGroups: boolean;
  /** Whether an unsafe request must prove its origin. */
  readonly checksOrigin: boolean;
}

/** JSON for programs; the same address may have a page for browsers. */
export const API: Surface = {
  audience: "everyone",
  hosts: "own",
  negotiates: true,
  readsSession: true,
  readsGroups: false,
  checksOrigin: true,
};

/** A page or a form. */
export const PAGE: Surface = { ...API, audience: "browsers" };

/**
 * The same bytes for every client and every Host. A shared cache may keep them, so they carry no cookie (RFC 9111 §3.5). A
 * back end on this machine fetches the keys of assertions by address.
 */
export const ASSET: Surface = {
  ...API,
  hosts: "own_or_proxy",
  negotiates: false,
  readsSession: false,
  checksOrigin: false,
};

/** Health, readiness and metrics. */
export const OPS: Surface = { ...ASSET, audience: "operators", hosts: "any" };

/**
 * Who is logged in, for proxies and back ends. A proxy asks about requests to other hosts, and its question itself is no
 * unsafe request: the handler checks the origin of the original one.
 */
export const FORWARD: Surface = {
  ...API,
  audience: "programs",
  hosts: "own_or_proxy",
  negotiates: false,
  readsGroups: true,
  checksOrigin: false,
};
