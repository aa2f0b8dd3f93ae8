import { empty } from "../answer.ts";
import type { Context } from "../context.ts";
import { end } from "../session.ts";
import { redirectDone, wantsPage } from "../view.ts";

/** `POST /logout/`: 204, the session ended and both cookies expired, whether or not there was one. */
export async function logout(context: Context): Promise<Response> {
  await end(context);
  return wantsPage(context) ? redirectDone("/login/", "logout") : empty(204);
}
