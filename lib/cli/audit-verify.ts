import { createHash } from "node:crypto";
import { countTable } from "../../db/count.ts";
import { type BrokenChain, verifyEvents } from "../../db/event-chains.ts";
import type { BrokenLane } from "../../db/event-lane-walk.ts";
import type { Lane } from "../../db/event-macs.ts";
import { findUsernames } from "../../db/users.ts";
import { userIdOf } from "../audit/actor.ts";
import { findYoungCuts, type YoungCut } from "../audit/retention.ts";
import type { Services } from "../services.ts";
import type { Cli } from "./command.ts";
import { CommandError } from "./errors.ts";
import { createProgress, formatCount, plural } from "./progress.ts";
import { formatJson } from "./terminal.ts";
import { formatInstant } from "./users.ts";

type Found = BrokenChain | BrokenLane | YoungCut;

/** @throws CommandError if the trail is not intact */
export async function verifyTrail(cli: Cli, services: Services, isJson: boolean): Promise<void> {
  const { db, keys } = services;
  const total = await countTable(db, "events");
  const progress = createProgress(cli, "events");
  const broken: Found[] = [];
  const onProgress = (done: number) => progress.show({ done, total: Math.max(done, total) });
  const onBroken = (one: BrokenChain | BrokenLane) => broken.push(one);
  const found = await verifyEvents(db, keys.audit, { onProgress, onBroken }).finally(progress.end);
  broken.push(...(await findYoungCuts(services)));
  const names = await findUsernames(
    db,
    broken.flatMap((one) => ("subject" in one ? (userIdOf(one.subject) ?? []) : [])),
  );
  for (const one of broken) {
    cli.terminal.print(isJson ? formatJson(one, 0) : sentence(one, names));
  }
  const head = headOf(found.lanes);
  const { events, subjects, cut } = found;
  if (isJson) cli.terminal.print(formatJson({ events, subjects, cut, sealed_at: sealedAt(found.lanes), ...head }, 0));
  else for (const line of describeHead(found.lanes, head)) cli.terminal.print(line);
  const wasCut = cut === 0 ? "" : ` ${formatCount(cut)} older ones were deleted.`;
  const read = `${plural(events, "event")} about ${plural(subjects, "subject")} read.${wasCut}`;
  const count = new Set(broken.map((one) => ("subject" in one ? one.subject : ""))).size;
  if (broken.length > 0) throw new CommandError(`${read} The trail is broken in ${plural(count, "place")}.`);
  if (!isJson) cli.terminal.print(`${read} The trail is intact.`);
}

/**
 * The head of the trail, which an operator keeps in another place. If a later head has a lower number, or another MAC at
 * the same number, an older copy of the trail took its place.
 */
function headOf(lanes: Lane[]): {
  number: number;
  mac: string;
  lanes: { lane: number; number: number; mac: string }[];
} {
  const heads = lanes
    .filter(({ last_number: number }) => number > 0)
    .map(({ lane, last_number: number, mac }) => ({ lane, number, mac }));
  const number = heads.reduce((sum, head) => sum + head.number, 0);
  return { number, mac: createHash("sha256").update(JSON.stringify(heads)).digest("hex"), lanes: heads };
}

function sealedAt(lanes: Lane[]): string | null {
  const sealed = lanes.find(({ reason }) => reason === "sealed");
  return sealed === undefined ? null : new Date(sealed.opened_at).toISOString();
}

function describeHead(lanes: Lane[], { number, mac }: { number: number; mac: string }): string[] {
  const sealed = lanes.find(({ reason }) => reason === "sealed");
  const note = `The trail was sealed on ${formatInstant(sealed?.opened_at ?? 0)}. Of older events, it shows only changes since then.`;
  return [...(sealed === undefined ? [] : [note]), `Head: number ${number}, MAC ${mac}.`];
}

const EVENT_SENTENCES: Record<BrokenChain["mistake"], (number: number, name: string) => string> = {
  changed: (number, name) => `Event ${number} of ${name} was changed.`,
  removed: (number, name) => `Event ${number} of ${name} was removed.`,
  inserted: (number, name) => `Event ${number} of ${name} was inserted.`,
  forged: (_, name) => `The head of the events of ${name}, or the record of their deletion, was changed.`,
  unknown_key: (number, name) =>
    `Event ${number} of ${name} is signed with a key that POSTERN_SECRET_KEY does not have.`,
};

const LANE_SENTENCES: Record<BrokenLane["mistake"], (lane: BrokenLane) => string> = {
  missing: ({ lane, from, to }) =>
    `${plural(to - from + 1, "event")} removed from lane ${lane}: numbers ${from} to ${to}.`,
  changed: ({ lane, from, to }) => `Lane ${lane} was changed between the numbers ${from} and ${to}.`,
  added: ({ lane, from, to }) => `Lane ${lane}, numbers ${from} to ${to}: the server did not write these events.`,
  no_head: ({ lane }) => `The head of lane ${lane} was removed.`,
  forged: ({ lane }) => `The head of lane ${lane} was changed.`,
  unknown_key: ({ lane }) => `Lane ${lane} is signed with a key that POSTERN_SECRET_KEY does not have.`,
  behind: ({ lane, from, to }) => `Lane ${lane} is older than another lane says: numbers ${from} to ${to} are missing.`,
  reopened: ({ lane }) =>
    `The server opened lane ${lane}, because the head of every other lane was changed or removed.`,
  unsealed: () => "The trail is not sealed. Run the command migrate.",
};

function sentence(found: Found, names: ReadonlyMap<number, string>): string {
  if ("lane" in found) return LANE_SENTENCES[found.mistake](found);
  const { subject } = found;
  if (found.mistake === "young_cut") {
    return (
      `Event ${found.number} of ${subject} records that events from before ${found.before} were deleted. ` +
      "POSTERN_AUDIT_DAYS keeps some of these. Find the server with another setting, or another clock."
    );
  }
  const name = names.get(userIdOf(subject) ?? 0) ?? subject;
  return EVENT_SENTENCES[found.mistake](found.number, name === subject ? name : `${name} (${subject})`);
}
