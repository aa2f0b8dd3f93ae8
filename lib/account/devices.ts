import { type Device, listDevices } from "../../db/devices.ts";
import type { Db } from "../../db/open.ts";
import { sessionActor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import type { UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import type { KnownDeviceProps } from "../pages/devices.ts";
import { redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty, json, redirect } from "../pipeline/responses.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import { storedDevice } from "../session/user-agent.ts";
import { deviceName, expiredDeviceCookie, MAX_DEVICES, presentedDevices } from "../throttle/device-cookie.ts";
import { forgetDevice as forget } from "../throttle/forget.ts";
import { trustDays } from "../users/second-factor-policy.ts";

/**
 * `GET /devices/`: the browsers that have logged in to the account before, the last used first, this one marked. There
 * are ten at most, so the list is never paged. For a browser they are a part of the page of sessions.
 */
export async function devices(context: UserContext): Promise<Reply> {
  if (wantsPage(context)) return redirect("/sessions/");
  return json(context, (await listKnownDevices(context)).map(deviceToJson));
}

/** The user's devices, as pages and programs see them. */
export async function listKnownDevices(context: UserContext): Promise<KnownDeviceProps[]> {
  const { config, now } = context.services;
  const presented = presentedDevices(context);
  const isTrusted = ({ trustedUntil }: Device) => trustDays(config) > 0 && trustedUntil > now();
  return (await listOwn(context.services.db, context)).map((device) => ({
    name: deviceName(device),
    ...storedDevice(device),
    createdAt: device.createdAt,
    lastUsedAt: device.lastUsedAt,
    isCurrent: presented.includes(device.id),
    trustedUntil: isTrusted(device) ? device.trustedUntil : null,
  }));
}

/**
 * `DELETE /devices/:id/`: 204, and that browser is a stranger to the account again. Its session goes on.
 *
 * @throws Problem not_found if it is none of the user's devices
 */
export async function forgetDevice(context: UserContext): Promise<Reply> {
  const { services, auth } = context;
  const by = sessionActor(context);
  const id = await authorizedTransaction(services, by, async (db) => {
    const device = (await listOwn(db, context)).find((device) => deviceName(device) === context.parameters["id"]);
    if (device === undefined || !(await forget(db, auth.user, device.id))) throw new Problem("not_found");
    await recordBy(db, services, by, { kind: "device_forgotten", subject: userSubject(auth.user) });
    return device.id;
  });
  const cookies = presentedDevices(context).includes(id) ? [expiredDeviceCookie(context)] : [];
  return wantsPage(context) ? redirectDone("/sessions/", "device", { cookies }) : empty(204, { cookies });
}

function listOwn(db: Db, { services, auth }: UserContext): Promise<Device[]> {
  return listDevices(db, auth.user.id, services.now(), MAX_DEVICES);
}

/** Instants as Django REST Framework writes them: ISO 8601, in UTC. */
export function deviceToJson(props: KnownDeviceProps): Record<string, unknown> {
  return {
    id: props.name,
    browser: props.browser,
    system: props.system,
    created_at: new Date(props.createdAt).toISOString(),
    last_used_at: new Date(props.lastUsedAt).toISOString(),
    is_current: props.isCurrent,
    trusted_until: props.trustedUntil === null ? null : new Date(props.trustedUntil).toISOString(),
  };
}
