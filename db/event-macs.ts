import { createHash } from "node:crypto";
import type { Selectable } from "kysely";
import type { EventChainsTable, EventLanesTable } from "./schema.ts";

/** Signs lists of values with a key that is not in the database. */
export interface TrailKey {
  sign: (fields: readonly (string | number)[]) => string;
  verify: (fields: readonly (string | number)[], mac: string) => boolean;
  /** Whether a key of the name in the MAC is present. Does not verify the MAC. */
  knows: (mac: string) => boolean;
}

/** The values that an event's MAC covers. The hash covers the event's other columns. */
export interface PlacedEvent {
  hash: string;
  lane: number;
  laneNumber: number;
  seen: string;
}

export type Chain = Selectable<EventChainsTable>;
export type Lane = Selectable<EventLanesTable>;

// The first field names the kind of row, so that a MAC of one kind is not valid for another.

const eventFields = ({ hash, lane, laneNumber, seen }: PlacedEvent) => ["event", hash, lane, laneNumber, seen];

const chainFields = (chain: Omit<Chain, "mac">) => [
  ...["chain", chain.subject, chain.last_number, chain.last_hash],
  ...[chain.cut_number, chain.cut_hash, chain.cut_at],
];

const laneFields = (lane: Omit<Lane, "mac">) => [
  ...["lane", lane.lane, lane.reason, lane.opened_at, lane.last_number, lane.last_digest],
  ...[lane.cut_number, lane.cut_digest, lane.cut_at],
];

export function signEvent(key: TrailKey, event: PlacedEvent): string {
  return key.sign(eventFields(event));
}

export function isEventSigned(key: TrailKey, event: PlacedEvent, mac: string): boolean {
  return key.verify(eventFields(event), mac);
}

export function signChain(key: TrailKey, chain: Omit<Chain, "mac">): Chain {
  return { ...chain, mac: key.sign(chainFields(chain)) };
}

export function isChainSigned(key: TrailKey, chain: Chain): boolean {
  return key.verify(chainFields(chain), chain.mac);
}

export function signLane(key: TrailKey, lane: Omit<Lane, "mac">): Lane {
  return { ...lane, mac: key.sign(laneFields(lane)) };
}

export function isLaneSigned(key: TrailKey, lane: Lane): boolean {
  return key.verify(laneFields(lane), lane.mac);
}

/** @returns the digest of a lane's events in their order, extended by one */
export function addToDigest(digest: string, mac: string): string {
  return createHash("sha256").update(digest).update(mac).digest("hex");
}
