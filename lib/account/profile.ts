import { json } from "../answer.ts";
import type { MemberContext } from "../context.ts";

/** `GET /profile/`: who is logged in, read from the database at this request. */
export function profile(context: MemberContext): Response {
  const { username, email, firstName, lastName } = context.current.user;
  return json(context, { username, email, first_name: firstName, last_name: lastName });
}
