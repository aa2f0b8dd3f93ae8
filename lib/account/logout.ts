import type { Context } from "../context.ts";
import { redirectDone, wantsPage } from "../pipeline/page-responses.ts";
import { empty } from "../pipeline/responses.ts";
import { end } from "../session/session.ts";

/** `POST /logout/`: 204, the session ended and both cookies expired, whether or not there was one. */
export async function logout(context: Context): Promise<Response> {
  await end(context);
  return wantsPage(context) ? redirectDone("/login/", "logout") : empty(204);
}
