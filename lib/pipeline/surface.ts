/** How the pipeline treats the endpoints of one kind. */
export interface Surface {
  readonly name: "api" | "page" | "asset" | "ops";
  /** `browsers`: a program is answered as if the endpoint did not exist. `operators`: likewise everyone else. */
  readonly audience: "everyone" | "browsers" | "operators";
  /** Whether the Host must be one of the server's own. Probes ask by address. */
  readonly checksHost: boolean;
  /** Whether the representation depends on Accept. */
  readonly negotiates: boolean;
  /** Whether the session is looked up. If not, the answer neither sets a cookie nor depends on one. */
  readonly readsSession: boolean;
  /** Whether an unsafe request must prove its origin. */
  readonly checksOrigin: boolean;
}

/** JSON for programs; the same address may have a page for browsers. */
export const API: Surface = {
  name: "api",
  audience: "everyone",
  checksHost: true,
  negotiates: true,
  readsSession: true,
  checksOrigin: true,
};

/** A page or a form. */
export const PAGE: Surface = { ...API, name: "page", audience: "browsers" };

/** The same bytes for every client. A shared cache may keep them, so they carry no cookie (RFC 9111 §3.5). */
export const ASSET: Surface = {
  name: "asset",
  audience: "everyone",
  checksHost: true,
  negotiates: false,
  readsSession: false,
  checksOrigin: false,
};

/** Health, readiness and metrics. */
export const OPS: Surface = { ...ASSET, name: "ops", audience: "operators", checksHost: false };
