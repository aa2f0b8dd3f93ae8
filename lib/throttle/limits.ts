import type { User } from "../../db/users.ts";
import type { Arrival } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { type Network, networksOf } from "./network.ts";
import {
  DEVICE,
  DEVICES,
  FACTOR,
  type Limit,
  type Limits,
  networkFailures,
  networkRequests,
  STRANGERS,
} from "./rules.ts";

/** The keys of an account's counters: of strangers, and of all its devices together. */
export function accountKeys(username: string): string[] {
  return [accountKey(username), devicesKey(username)];
}

/** The keys of the counters of wrong codes at an account: of strangers, and of all its devices together. */
export function accountFactorKeys(user: Pick<User, "id">): string[] {
  return [strangersFactorKey(user), devicesFactorKey(user)];
}

/**
 * The limits of an attempt at a code of an authenticator app.
 *
 * @param device null for a stranger
 */
export function factorLimitsOf(user: Pick<User, "id">, device: string | null): Limits {
  if (device === null) return { requests: [], failures: [{ key: strangersFactorKey(user), rule: FACTOR }] };
  const own = { key: deviceFactorKey(device), rule: FACTOR };
  return { requests: [], failures: [own, { key: devicesFactorKey(user), rule: DEVICES }] };
}

/**
 * The limits of an attempt at an account. A stranger counts in each network that the address is in. A known device counts
 * by itself: whatever its neighbours do, it can log in, and it guesses at one account alone. Of its requests, those of
 * its narrowest network are counted.
 *
 * @param device null for a stranger
 */
export function limitsOf({ client, services }: Arrival, username: string, device: string | null): Limits {
  const networks = networksOf(client.address, services.config.trustedProxies);
  const asking = device === null ? networks : networks.slice(0, 1);
  const requests = asking.map((network) => ({ key: requestsKey(network), rule: networkRequests(network) }));
  if (device !== null) {
    const own = { key: deviceKey(device), rule: DEVICE };
    return { requests, failures: [own, { key: devicesKey(username), rule: DEVICES }] };
  }
  const failures = networks.map((network) => ({ key: failuresKey(network), rule: networkFailures(network) }));
  return { requests, failures: [...failures, { key: accountKey(username), rule: STRANGERS }] };
}

/** The limits of a request at which nothing can be guessed. They are those of attempts at a password. */
export function requestLimitsOf({ client, services }: Arrival): Limit[] {
  const networks = networksOf(client.address, services.config.trustedProxies);
  return networks.map((network) => ({ key: requestsKey(network), rule: networkRequests(network) }));
}

/** The limits of passkeys and recovery codes that were not accepted. They cannot be guessed, but each is an event. */
export function rejectedLimitsOf({ client, services }: Arrival): Limit[] {
  const networks = networksOf(client.address, services.config.trustedProxies);
  return networks.map((network) => ({ key: `rejected:${network.name}`, rule: networkFailures(network) }));
}

export function keysOf({ requests, failures }: Limits): string[] {
  return [...requests, ...failures].map(({ key }) => key);
}

/** The hash has one length, and hides a password that was typed in place of a name. */
const accountKey = (username: string) => `account:${hashToken(username)}`;
export const deviceKey = (device: string) => `device:${device}`;
/** Of all devices of an account together. */
export const devicesKey = (username: string) => `devices:${hashToken(username)}`;
const failuresKey = ({ name }: Network) => `failures:${name}`;
const requestsKey = ({ name }: Network) => `requests:${name}`;
export const deviceFactorKey = (device: string) => `factor:device:${device}`;
/** Of all devices of an account together. */
export const devicesFactorKey = ({ id }: Pick<User, "id">) => `factor:devices:${id}`;
const strangersFactorKey = ({ id }: Pick<User, "id">) => `factor:user:${id}`;
