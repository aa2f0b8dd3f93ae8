import type { TransactionDb } from "../../db/open.ts";
import { lockCounters, saveCounters } from "../../db/throttles.ts";
import type { User } from "../../db/users.ts";
import type { Authenticated } from "../context.ts";
import { hashToken } from "../crypto/token.ts";
import { Problem } from "../http/problem.ts";
import type { Services } from "../services.ts";
import { foldCase } from "../users/email.ts";
import { countAttempt } from "./counts.ts";
import { networksOf } from "./network.ts";
import { decide, MAILS, MAILS_TO_ONE, mailsOfNetwork } from "./rules.ts";

/** What `mailRequests` adds to a context. */
export interface MailThrottled {
  /**
   * Counts a request that may cause a mail, on this node and every other: by network, and by recipient. Strangers are
   * counted in all, and each user who is logged in by itself. So strangers cannot block a user who is. Whether the recipient
   * has an account makes no difference.
   *
   * @param recipient the address or the username, as typed
   * @param sender the user who is logged in, and is limited too; null for a stranger
   * @throws Problem throttled
   */
  readonly countMail: (recipient: string, sender?: Pick<User, "id"> | null) => Promise<void>;
}

/** The throttle of rows that send a mail to an address that a client names. */
export function mailRequests<C extends Authenticated>(context: C): C & MailThrottled {
  return { ...context, countMail: (recipient, sender = null) => countMail(context, recipient, sender) };
}

async function countMail(
  { services, client }: Authenticated,
  recipient: string,
  sender: Pick<User, "id"> | null,
): Promise<void> {
  if (!services.config.throttle) return;
  const networks = networksOf(client.address, services.config.trustedProxies);
  const requests = networks.map((network) => ({ key: `mail:network:${network.name}`, rule: mailsOfNetwork(network) }));
  const to = hashToken(foldCase(recipient));
  const failures =
    sender === null
      ? [
          { key: `mail:to:${to}`, rule: MAILS_TO_ONE },
          { key: "mail:all", rule: MAILS },
        ]
      : [
          { key: `mail:to-by-users:${to}`, rule: MAILS_TO_ONE },
          { key: `mail:by:${sender.id}`, rule: MAILS_TO_ONE },
        ];
  const { waitMs } = await countAttempt(services, { requests, failures });
  if (waitMs !== null) throw new Problem("throttled", { seconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}

/**
 * Counts a mail that strangers may have asked for, by the user that it goes to: the username and each spelling of the
 * address together. Only the mailer asks, so no client sees the limit.
 *
 * @returns false if the mail is not to be sent
 */
export async function mayMailUser(
  db: TransactionDb,
  { config, now }: Pick<Services, "config" | "now">,
  { id }: Pick<User, "id">,
): Promise<boolean> {
  if (!config.throttle) return true;
  const key = `mail:user:${id}`;
  const stored = await lockCounters(db, [key]);
  const { waitMs, changed } = decide({ requests: [], failures: [{ key, rule: MAILS_TO_ONE }] }, stored, now());
  await saveCounters(db, stored, changed);
  return waitMs === null;
}
