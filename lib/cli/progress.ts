import type { Counts } from "../../db/count.ts";
import type { Cli } from "./command.ts";

const BAR_CHARACTERS = 30;

/** Without a terminal, one line per interval: it may go to a log. */
const LINE_EVERY_MS = 5000;
const DRAW_EVERY_MS = 100;

export interface Progress {
  show: (progress: { done: number; total: number }) => void;
  /** Leaves the last state on its line. */
  end: () => void;
}

/** Shows the progress of a long task on standard error. */
export function createProgress({ terminal, now }: Pick<Cli, "terminal" | "now">, what: string): Progress {
  const { redraw } = terminal;
  const every = redraw === null ? LINE_EVERY_MS : DRAW_EVERY_MS;
  let shownAt = redraw === null ? now() : 0;
  let isDrawn = false;
  return {
    show: ({ done, total }) => {
      if (now() - shownAt < every && (redraw === null || done < total)) return;
      shownAt = now();
      const share = total === 0 ? 1 : done / total;
      const counts = `${formatCount(done)} of ${formatCount(total)} ${what} (${Math.floor(share * 100)} %)`;
      if (redraw === null) return terminal.remark(counts);
      const filled = Math.floor(share * BAR_CHARACTERS);
      redraw(`[${"#".repeat(filled).padEnd(BAR_CHARACTERS, ".")}] ${counts}`);
      isDrawn = true;
    },
    end: () => {
      if (isDrawn) terminal.remark("");
    },
  };
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 user`, `2 users`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * `1 user, 2 sessions and 3 events`; if there are groups, `1 user, 2 groups with 5 members, 2 sessions and 3 events`; likewise
 * if there are second factors.
 */
export function formatCounts({ users, groups, user_groups: members, sessions, events, ...factors }: Counts): string {
  const parts = [
    plural(users, "user"),
    groups > 0 && `${plural(groups, "group")} with ${plural(members, "member")}`,
    factors.totp_factors > 0 && plural(factors.totp_factors, "authenticator app"),
    factors.passkeys > 0 && plural(factors.passkeys, "passkey"),
    factors.recovery_codes > 0 && plural(factors.recovery_codes, "recovery code"),
    plural(sessions, "session"),
  ];
  return `${parts.filter((part) => part !== false).join(", ")} and ${plural(events, "event")}`;
}
