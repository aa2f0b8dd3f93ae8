import { setTimeout } from "node:timers/promises";
import { TRAIL } from "../../db/event-cut.ts";
import { listLanes } from "../../db/event-lanes.ts";
import { listEvents, type RecordedEvent } from "../../db/events.ts";
import { migrate } from "../../db/migrate.ts";
import { openDatabase, transaction } from "../../db/open.ts";
import { isOutage } from "../../db/outage.ts";
import { findUsernames } from "../../db/users.ts";
import { OPERATOR, userIdOf, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import { openNewKeys, requireSecretKey } from "../config/secret-keys.ts";
import type { Services } from "../services.ts";
import { describeDevice } from "../session/user-agent.ts";
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
      about: "Only what is about one user; one who was deleted is named as user:7.",
    },
    since: {
      type: "string",
      value: "TIME",
      about: "Only what is not older: 2026-01-31, 2026-01-31T12:00 (UTC), 24h, 7d.",
    },
    json: { type: "boolean", about: "Print JSON, one object a line, with the hashes." },
    follow: { type: "boolean", about: "Go on with what happens, until Ctrl-C." },
    "new-key": { type: "boolean", about: "Go on with a new key, because the old one is lost." },
    verify: {
      type: "boolean",
      about: "Find out whether any event was changed, removed or put in between, and print the head.",
    },
  },
  about: "Show the audit trail, the oldest events first, or verify it.",
  more: [
    "An event carries the hash of the one before it about the same user, and a MAC. The secret key of the MACs is not in the",
    "database. --verify recomputes them all, and names what the server did not write, or what is gone; the exit code is 1",
    "if there is such a thing. A whole older copy of the trail verifies too: note the head that --verify prints elsewhere,",
    "and compare. The number of the head never goes back.",
  ].join("\n"),
  run: audit,
};

async function audit(cli: Cli, input: Input): Promise<void> {
  const isFiltered = ["user", "since"].some((name) => name in input.values) || input.flags.has("follow");
  if (input.flags.has("verify") && isFiltered) throw new UsageError("--verify looks at everything, once.");
  if (input.flags.has("new-key")) return goOnWithNewKey(cli, input);
  const since = readSince(cli, input);
  const services = await cli.open();
  if (input.flags.has("verify")) return verifyTrail(cli, services, input.flags.has("json"));
  await list(cli, services, { subject: await findSubject(services, input), since, input });
}

/** The trail that the lost key has signed stays as it is. What comes is signed with the new key. */
async function goOnWithNewKey({ config, now, terminal }: Cli, input: Input): Promise<void> {
  if (Object.keys(input.values).length + input.flags.size > 1) throw new UsageError("--new-key stands alone.");
  const settings = config();
  requireSecretKey(settings);
  const { databaseUrl, databasePoolSize: poolSize, databasePooler } = settings;
  const hasTransactionPooler = databasePooler === "transaction";
  const db = await openDatabase(databaseUrl, { mayCreate: false, poolSize, hasTransactionPooler });
  try {
    await migrate(db);
    const keys = await openNewKeys(settings);
    if ((await listLanes(db)).some(({ mac }) => keys.audit.knows(mac))) {
      throw new CommandError("The trail is signed with this key already. Nothing was changed.");
    }
    const detail = "with a new key, because the old one is lost";
    const event = { kind: "trail_sealed", subject: TRAIL, detail } as const;
    await transaction(db, (db) => recordBy(db, { keys, now }, OPERATOR, event));
  } finally {
    await db.destroy();
  }
  terminal.print("The trail goes on with the new key. What the lost key has signed cannot be verified.");
}

interface Listing {
  subject: string | null;
  since: number | null;
  input: Input;
}

const BATCH_EVENTS = 500;
const POLL_MS = 1000;

/** A transaction that takes longer than this fails: no event appears later behind one with a higher id. */
const LATEST_MS = 30_000;

const HEADINGS = ["TIME", "EVENT", "USER", "BY", "ADDRESS", "DEVICE", "DETAIL"];
const WIDTHS = [19, 16, 20, 16, 15, 20, 0];

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
      cli.terminal.remark("The database cannot be reached at present.");
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
 * Reads on, a batch a call. Ids are given before they are committed, so that an event may appear behind one with a higher
 * id: the latest ones are read again and again, and handed out once.
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

/** A line each, with the names that users have now. */
async function formatAll({ db }: Services, events: RecordedEvent[], isJson: boolean): Promise<string[]> {
  const ids = events.flatMap(({ subject, actor }) => [userIdOf(subject), userIdOf(actor)]);
  const names = await findUsernames(db, [...new Set(ids.filter((id) => id !== null))]);
  const nameOf = (subject: string) => names.get(userIdOf(subject) ?? 0) ?? null;
  return events.map((event) => {
    const { at, kind, subject, actor, address, detail } = event;
    if (isJson) return formatJson(toJson(event, nameOf(subject)), 0);
    const user = nameOf(subject) ?? subject.replace(/^unknown:.*/, "(no such user)");
    const device = deviceOf(event) ?? "";
    return formatRow([formatInstant(at), kind, user, nameOf(actor) ?? actor, address, device, detail], WIDTHS);
  });
}

function deviceOf({ browser, system }: RecordedEvent): string | null {
  return describeDevice({ browser: browser || null, system: system || null });
}

function toJson(event: RecordedEvent, username: string | null): Record<string, unknown> {
  const { id, at, kind, subject, actor, address, requestId, detail, number, previous, hash, mac } = event;
  const told = { id, at: new Date(at).toISOString(), event: kind, subject, username, actor, address };
  return { ...told, device: deviceOf(event), request_id: requestId, detail, number, previous, hash, mac };
}

/** A name, or the subject itself where that is no user's name: users who were deleted have none any more. */
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
  // The forms of ECMA-262 §21.4.1.32, and the table's own, whose time is UTC.
  const iso = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  const isLocal = iso?.[1] !== undefined && iso[4] === undefined;
  const instant = iso === null ? Number.NaN : Date.parse(text.replace(" ", "T") + (isLocal ? "Z" : ""));
  if (!Number.isNaN(instant)) return instant;
  throw new UsageError(`--since is not understood: expected 2026-01-31, 24h or the like. See: ${program} help audit`);
}
