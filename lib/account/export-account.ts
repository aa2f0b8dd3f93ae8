import { sessionActor, userSubject } from "../audit/actor.ts";
import { recordBy } from "../audit/audit-log.ts";
import type { UserContext } from "../context.ts";
import { problemOf } from "../pipeline/error-response.ts";
import { type Reply, reply } from "../pipeline/reply.ts";
import { authorizedTransaction } from "../session/authorized.ts";
import type { ExportThrottled } from "../throttle/export-requests.ts";
import { accountData } from "./account-data.ts";

/**
 * `GET /account/export/`: all that is stored about the user, in JSON, as a file. The answer is a stream. If it breaks off,
 * it is no valid JSON.
 *
 * @throws Problem those of `recentDownload`; throttled
 */
export async function exportAccount(context: UserContext & ExportThrottled): Promise<Reply> {
  const { services, auth, request } = context;
  const headers = { "Content-Type": "application/json", "Content-Disposition": dispositionOf(context) };
  if (request.method === "HEAD") return reply(new Response(null, { headers }));
  await context.countExport();
  const by = sessionActor(context);
  await authorizedTransaction(services, by, (db) =>
    recordBy(db, services, by, { kind: "exported", subject: userSubject(auth.user) }),
  );
  return reply(new Response(streamOf(context), { headers }));
}

/** A download whose name has the username (RFC 6266 §4.3, with RFC 8187 for letters beyond ASCII). */
function dispositionOf({ auth, services }: UserContext): string {
  // An import may have stored any name.
  const username = [...auth.user.username]
    .slice(0, 50)
    .join("")
    .replace(/[^\p{L}\p{N}_.@+-]/gu, "_");
  const name = `account-${username}-${new Date(services.now()).toISOString().slice(0, 10)}.json`;
  const plain = name.replace(/[^!-~]/g, "_");
  return `attachment; filename="${plain}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}

/** Reads the next part only when the client has taken the one before, so one part is in memory. */
function streamOf(context: UserContext): ReadableStream<Uint8Array> {
  const parts = accountData(context);
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await parts.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        } catch (error) {
          problemOf(error, context); // Logs it.
          controller.error(error);
        }
      },
      cancel: () => void parts.return(undefined),
    },
    { highWaterMark: 0 },
  );
}
