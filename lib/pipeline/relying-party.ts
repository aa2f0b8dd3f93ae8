import type { Arrival } from "../context.ts";

/** Postern as passkeys know it (WebAuthn §4, "Relying Party"). */
export interface RelyingParty {
  /** The RP ID: a host name. */
  id: string;
  /** The origins of the pages that may use the passkeys. */
  origins: string[];
}

/**
 * Null if passkeys are not possible: without PUBLIC_URL the host is unknown. Only `localhost` is known to be this machine.
 */
export function relyingPartyOf({
  services: { config },
  client,
}: Pick<Arrival, "services" | "client">): RelyingParty | null {
  const { publicUrl, passkeyDomain, passkeyOrigins, trustedOrigins } = config;
  const local = /^localhost(:\d{1,5})?$/i.test(client.host ?? "") ? `http://${client.host?.toLowerCase()}` : null;
  const own = publicUrl ?? local;
  if (own === null) return null;
  const id = passkeyDomain ?? new URL(own).hostname;
  // An RP ID is a domain: a browser makes no passkeys for an address.
  if (/^[\d.]+$|:/.test(id)) return null;
  return { id, origins: [...new Set([own, ...trustedOrigins, ...passkeyOrigins])] };
}
