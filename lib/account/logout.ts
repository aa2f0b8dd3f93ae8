import type { Authenticated } from "../context.ts";
import { redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { empty } from "../pipeline/responses.ts";
import { destroySession } from "../session/session.ts";

/** `POST /logout/`: 204, each presented session ended and both cookies expired, whether or not there was a session. */
export async function logout(context: Authenticated): Promise<Reply> {
  const parts = await destroySession(context);
  return wantsPage(context) ? redirectDone("/login/", "logout", parts) : empty(204, parts);
}
