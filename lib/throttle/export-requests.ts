import type { UserContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt } from "./counts.ts";
import { EXPORTS } from "./rules.ts";

/** What `exportRequests` adds to a context. */
export interface ExportThrottled {
  /** Counts an export of the user's data, on this node and every other. @throws Problem throttled */
  readonly countExport: () => Promise<void>;
}

/** The throttle of the row that reads everything about a user. */
export function exportRequests<C extends UserContext>(context: C): C & ExportThrottled {
  return { ...context, countExport: () => countExport(context) };
}

async function countExport({ services, auth }: UserContext): Promise<void> {
  if (!services.config.throttle) return;
  const failures = [{ key: `export:${auth.user.id}`, rule: EXPORTS }];
  const { waitMs } = await countAttempt(services, { requests: [], failures });
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
