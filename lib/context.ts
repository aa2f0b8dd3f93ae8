import type { Db } from "../db/open.ts";
import type { Session } from "../db/sessions.ts";
import type { User } from "../db/users.ts";
import type { Config } from "./config.ts";
import type { Passwords } from "./crypto/password.ts";
import { type Data, readData } from "./http/body.ts";
import type { Representation } from "./http/negotiate.ts";
import type { Log } from "./log.ts";

/** What the application stands on. Handed in, so that a test can turn the clock. */
export interface Services {
  config: Config;
  db: Db;
  passwords: Passwords;
  log: Log;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Who sent a request, as the runtime saw it. */
export interface Peer {
  /** The client's IP address, empty where there is none. */
  address: string;
}

/** A request on its way through the pipeline. A guard narrows it to what its handler needs. */
export interface Context {
  services: Services;
  request: Request;
  peer: Peer;
  cookies: ReadonlyMap<string, string>;
  representation: Representation;
  /** The session the request presents, if it is alive, and its user. */
  current: CurrentSession | null;
  /** `Set-Cookie` values to send with the answer, whatever it will be. */
  setCookies: string[];
  /** The request's data, parsed at the first call. @throws Problem as `readData` does */
  data: () => Promise<Data>;
}

export interface CurrentSession {
  session: Session;
  user: User;
  /** The secret itself, from the cookie. */
  token: string;
}

/** A request with a live session. */
export interface MemberContext extends Context {
  current: CurrentSession;
}

/** Says who may come in: throws a Problem, or returns the context its handler needs. */
export type Guard<C extends Context> = (context: Context) => C;

/** Reads, decides, writes, replies. */
export type Handler<C extends Context> = (context: C) => Response | Promise<Response>;

/** 64 KiB: a login is a few hundred bytes. */
const MAX_BODY_BYTES = 65536;

export function createContext(
  services: Services,
  request: Request,
  peer: Peer,
  cookies: ReadonlyMap<string, string>,
): Context {
  let data: Promise<Data> | undefined;
  const limits = { maxBytes: MAX_BODY_BYTES, timeoutSeconds: services.config.bodyTimeoutSeconds };
  return {
    services,
    request,
    peer,
    cookies,
    representation: { format: "json", indent: 0 },
    current: null,
    setCookies: [],
    data: () => {
      data ??= readData(request, limits);
      return data;
    },
  };
}
