import { setTimeout } from "node:timers/promises";
import { TRAIL } from "../../db/event-cut.ts";
import { listLanes } from "../../db/event-lanes.ts";
import { listEvents, type RecordedEvent } from "../../db/events.ts";
import { migrate } from "../../db/migrate.ts";
import { transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import { EVENT_KINDS } from "../../db/schema.ts";
import { findUsernames } from "../../db/users.ts";
import { OPERATOR, userIdOf, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { openNewKeys } from "../config/secret-keys.ts";
import { openConfiguredDatabase, type Services } from "../services.ts";
import { describeDevice, storedDevice } from "../session/user-agent.ts";
import { findTypedUser } from "../users/username.ts";
import { verifyTrail } from "./audit-verify.ts";
import type { Cli, Command, Input } from "./command.ts";
import { CommandError, UsageError } from "./errors.ts";
import { stopSignal } from "./shutdown.ts";
import { formatJson, formatRow } from "./terminal.ts";
import { formatInstant } from "./users.ts";

export const AUDIT_COMMAND: Command = {
  name: "audit",
  operand: "",
  options: {
    user: {
      type: "string",
      value: "USER",
      about: "Only events of one user. A deleted user has the form user:7.",
    },
    since: {
      type: "string",
      value: "TIME",
      about: "Only events since then: 2026-01-31, 2026-01-31T12:00 (UTC), 24h, 7d.",
    },
    json: { type: "boolean", about: "Print JSON with the hashes, one object a line." },
    follow: { type: "boolean", about: "Print new events too, until Ctrl-C." },
    "new-key": { type: "boolean", about: "Continue with a new key, because the old one is lost." },
    verify: {
      type: "boolean",
      about: "Check that no event was changed, removed or inserted, and print the head.",
    },
  },
  about: "Print the audit trail, oldest events first, or verify it.",
  more: [
    "Each event has a MAC and the hash of the user's event before it. The secret key of the MACs is not in the database.",
    "--verify computes them again, and names each event that the server did not write, and each gap. If there is one, the",
    "exit code is 1. A complete older copy of the trail verifies too: keep the head that --verify prints in another place,",
    "and compare. The number of the head never decreases.",
  ].join("\n"),
  run: audit,
};

async function audit(cli: Cli, input: Input): Promise<void> {
  const isFiltered = ["user", "since"].some((name) => name in input.values) || input.flags.has("follow");
  if (input.flags.has("verify") && isFiltered)
    throw new UsageError("--verify reads all events once. It takes no filter and no --follow.");
  if (input.flags.has("new-key")) return continueWithNewKey(cli, input);
  const since = readSince(cli, input);
  const services = await cli.open();
  if (input.flags.has("verify")) return verifyTrail(cli, services, input.flags.has("json"));
  await list(cli, services, { subject: await findSubject(services, input), since, input });
}

/** The new key signs the next events. The events that the lost key signed do not change. */
async function continueWithNewKey({ config, now, terminal }: Cli, input: Input): Promise<void> {
  if (Object.keys(input.values).length + input.flags.size > 1) throw new UsageError("--new-key takes no other option.");
  const settings = config();
  const db = await openConfiguredDatabase(settings, false);
  try {
    await migrate(db);
    const keys = await openNewKeys(settings);
    if ((await listLanes(db)).some(({ mac }) => keys.audit.knows(mac))) {
      throw new CommandError("This key signs the trail already. Nothing was changed.");
    }
    const detail = "with a new key, because the old one is lost";
    const event = { kind: "trail_sealed", subject: TRAIL, detail } as const;
    await transaction(db, (db) => recordBy(db, { keys, now }, OPERATOR, event));
  } finally {
    await db.destroy();
  }
  terminal.print("The trail continues with the new key. Events that the lost key signed cannot be verified.");
}

interface Listing {
  subject: string | null;
  since: number | null;
  input: Input;
}

const BATCH_EVENTS = 500;
const POLL_MS = 1000;

/** No transaction is longer. After this time, no event can appear with a lower id than another one. */
const LATEST_MS = 30_000;

const HEADINGS = ["TIME", "EVENT", "USER", "BY", "ADDRESS", "DEVICE", "DETAIL"];
const WIDTHS = [19, Math.max(...EVENT_KINDS.map(({ length }) => length)), 20, 16, 15, 20, 0];

async function list(cli: Cli, services: Services, { subject, since, input }: Listing): Promise<void> {
  const isJson = input.flags.has("json");
  const isFollowing = input.flags.has("follow");
  const stopping = new AbortController();
  if (isFollowing) void stopSignal().then(() => stopping.abort());
  if (!isJson) cli.terminal.print(formatRow(HEADINGS, WIDTHS));
  const reader = createReader(services, { subject, since });
  while (!stopping.signal.aborted) {
    const events = await reader().catch((error) => {
      if (!isFollowing || !isOutage(error)) throw error;
      cli.terminal.remark("The database is not available. Trying again.");
      return [];
    });
    for (const line of await formatAll(services, events, isJson)) cli.terminal.print(line);
    await cli.terminal.flush();
    if (events.length > 0) continue;
    if (!isFollowing) return;
    await setTimeout(POLL_MS, undefined, { signal: stopping.signal }).catch(() => {});
  }
}

/**
 * Returns the next batch at each call. An event gets its id before its commit, so an event may appear after one with a
 * higher id. Recent events are therefore read again at each call, and returned once.
 */
function createReader({ db, now }: Services, filter: { subject: string | null; since: number | null }) {
  let settledId = 0;
  const seen = new Set<number>();
  const isLate = ({ at }: RecordedEvent) => Math.abs(now() - at) <= LATEST_MS;
  const settle = (events: RecordedEvent[]) => {
    for (const { id } of events) seen.delete(id);
    settledId = events.at(-1)?.id ?? settledId;
  };
  return async (): Promise<RecordedEvent[]> => {
    for (let afterId = settledId; ; ) {
      const events = await listEvents(db, { ...filter, afterId }, BATCH_EVENTS);
      const fresh = events.filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      const firstLate = events.findIndex(isLate);
      if (afterId === settledId) settle(firstLate < 0 ? events : events.slice(0, firstLate));
      if (fresh.length > 0 || events.length < BATCH_EVENTS) return fresh;
      afterId = events.at(-1)?.id ?? afterId;
    }
  };
}

/** One line an event. Users have their current names. */
async function formatAll({ db }: Services, events: RecordedEvent[], isJson: boolean): Promise<string[]> {
  const ids = events.flatMap(({ subject, actor }) => [userIdOf(subject), userIdOf(actor)]);
  const names = await findUsernames(db, [...new Set(ids.filter((id) => id !== null))]);
  const nameOf = (subject: string) => names.get(userIdOf(subject) ?? 0) ?? null;
  return events.map((event) => {
    const { at, kind, subject, actor, address, detail } = event;
    if (isJson) return formatJson(toJson(event, nameOf(subject)), 0);
    const user = nameOf(subject) ?? subject.replace(/^unknown:.*/, "(no such user)");
    const device = describeDevice(storedDevice(event)) ?? "";
    return formatRow([formatInstant(at), kind, user, nameOf(actor) ?? actor, address, device, detail], WIDTHS);
  });
}

function toJson(event: RecordedEvent, username: string | null): Record<string, unknown> {
  const { id, at, kind, subject, actor, address, requestId, detail, number, previous, hash, mac } = event;
  const told = { id, at: new Date(at).toISOString(), event: kind, subject, username, actor, address };
  const device = describeDevice(storedDevice(event));
  return { ...told, device, request_id: requestId, detail, number, previous, hash, mac };
}

/** The option is a username, or the subject of a deleted user. */
async function findSubject({ db }: Services, { values }: Input): Promise<string | null> {
  const name = values["user"];
  if (name === undefined) return null;
  const user = await findTypedUser(db, name);
  if (user !== null) return userSubject(user);
  if (userIdOf(name) !== null) return name;
  throw new CommandError(`There is no user "${name}".`);
}

const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function readSince({ now, program }: Cli, { values }: Input): number | null {
  const text = values["since"];
  if (text === undefined) return null;
  const [, count, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (count !== undefined && unitMs !== undefined) return now() - Number(count) * unitMs;
  // The forms of ECMA-262 §21.4.1.32, and the form of the table, in UTC.
  const iso = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  const isLocal = iso?.[1] !== undefined && iso[4] === undefined;
  const instant = iso === null ? Number.NaN : Date.parse(text.replace(" ", "T") + (isLocal ? "Z" : ""));
  if (!Number.isNaN(instant)) return instant;
  throw new UsageError(`--since must be a time such as 2026-01-31 or 24h. See: ${program} help audit`);
}
