import type { LinkContext } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { countAttempt } from "./counts.ts";
import { FORMS_OF_LINK } from "./rules.ts";

/** What `linkAttempts` adds to a context. */
export interface LinkThrottled {
  /** Counts a form that was sent with the link, on this node and every other. @throws Problem throttled */
  readonly countForm: () => Promise<void>;
}

/** The throttle of rows that hash a password, or tell whether a username is taken, for the holder of a link. */
export function linkAttempts<C extends LinkContext>(context: C): C & LinkThrottled {
  return { ...context, countForm: () => countForm(context) };
}

async function countForm({ services, link }: LinkContext): Promise<void> {
  if (!services.config.throttle) return;
  const failures = [{ key: `link:${link.stored.id}`, rule: FORMS_OF_LINK }];
  const { waitMs } = await countAttempt(services, { requests: [], failures });
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}
