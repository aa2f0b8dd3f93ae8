import type { Arrival, Listener, Peer, Router } from "../context.ts";
import { generateRequestId } from "../crypto/token.ts";
import { type Data, readData } from "../http/body.ts";
import { identifyClient } from "../http/client-address.ts";
import { parseCookies } from "../http/cookie.ts";
import { type Negotiated, negotiate, type Representation } from "../http/negotiate.ts";
import { parseTarget, queryValue, type Target } from "../http/target.ts";
import type { Services } from "../services.ts";

/** 64 KiB: a login is a few hundred bytes. */
const MAX_BODY_BYTES = 65536;

/** The first stage: what the head of a request tells. Nothing is checked yet. */
export function arrive(
  request: Request,
  peer: Peer,
  { services, listener, router }: { services: Services; listener: Listener; router: Router },
): Arrival {
  const { headers } = request;
  const target = parseTarget(request.url);
  const negotiated = represent(headers, target);
  const isAcceptable = typeof negotiated !== "string";
  const client = identifyClient(headers, peer.address, services.config);
  const limits = { maxBytes: MAX_BODY_BYTES, timeoutSeconds: services.config.bodyTimeoutSeconds };
  let data: Promise<Data> | undefined;
  return {
    services,
    request,
    target,
    requestId: client.requestId ?? generateRequestId(),
    peer,
    client,
    listener,
    cookies: parseCookies(headers.get("cookie")),
    representation: isAcceptable ? negotiated : COMPACT_JSON,
    unacceptable: isAcceptable ? null : negotiated,
    router,
    endpoint: null,
    auth: null,
    data: () => {
      data ??= readData(request, limits);
      return data;
    },
  };
}

/** For every client that gets no page and asks for no other indentation. */
export const COMPACT_JSON: Representation = { format: "json", indent: 0 };

/** A page for a browser that navigates (Fetch Metadata), unless the query names a format; else as DRF negotiates. */
function represent(headers: Headers, target: Target): Negotiated {
  const format = queryValue(target, "format");
  if (!format && headers.get("sec-fetch-mode") === "navigate") return { format: "page", indent: 0 };
  return negotiate(headers.get("accept"), format);
}
