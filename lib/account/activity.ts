import { listEventsOf, type RecordedEvent } from "../../db/events.ts";
import { STORED_OPERATOR, STORED_SYSTEM, STORED_VISITOR, userSubject } from "../audit/actor.ts";
import type { UserContext } from "../context.ts";
import { type ActivityProps, activityPage } from "../pages/activity.ts";
import { page, wantsPage } from "../pipeline/page-responses.ts";
import { linkNext, readCursor } from "../pipeline/paging.ts";
import type { Reply } from "../pipeline/reply.ts";
import { json } from "../pipeline/responses.ts";
import { type Device, describeDevice, storedDevice } from "../session/user-agent.ts";

const PAGE_EVENTS = 50;

/**
 * `GET /activity/`: the events of the user's account, newest first, a page at a time. If there are more, `next` is the
 * `?cursor=` of the next page.
 *
 * @throws Problem invalid if the cursor is malformed
 */
export async function activity(context: UserContext): Promise<Reply> {
  const { services, auth } = context;
  const subject = userSubject(auth.user);
  const before = readCursor(context, (text) => (/^\d{1,15}$/.test(text) ? Number(text) : null));
  const found = await listEventsOf(services.db, subject, { before, limit: PAGE_EVENTS + 1 });
  const events = found.slice(0, PAGE_EVENTS);
  const next = found.length > PAGE_EVENTS ? String(events.at(-1)?.number) : null;
  const props = events.map((event) => describe(event, subject));
  if (wantsPage(context)) return page(context, (frame) => activityPage(frame, props, next));
  return linkNext(context, json(context, { next, results: props.map(toJson) }), "/activity/", next);
}

function describe(event: RecordedEvent, subject: string): ActivityProps {
  const { at, kind, address, actor, detail } = event;
  const group = kind === "added_to_group" || kind === "removed_from_group" ? detail : null;
  return { at, event: kind, address, ...storedDevice(event), by: actorAsSeen(actor, subject), group };
}

const BY: ReadonlyMap<string, ActivityProps["by"]> = new Map([
  [STORED_OPERATOR, "operator"],
  [STORED_VISITOR, "nobody"],
  [STORED_SYSTEM, "system"],
]);

/** Another user is not named: an account of theirs is their business. */
export function actorAsSeen(actor: string, subject: string): ActivityProps["by"] {
  if (actor === subject) return "you";
  return BY.get(actor) ?? "other";
}

function toJson({ at, event, address, by, group, ...device }: ActivityProps & Device): Record<string, unknown> {
  const told = { at: new Date(at).toISOString(), event, device: describeDevice(device), address: address || null, by };
  return group === null ? told : { ...told, group };
}
