import { findCredentials, type User } from "../../db/users.ts";
import { empty } from "../answer.ts";
import type { Context } from "../context.ts";
import { Problem } from "../problem.ts";
import { start } from "../session.ts";
import { guardAttempt } from "../throttle.ts";
import { readFields } from "./fields.ts";

const FORM = { username: { trim: true }, password: { trim: false } };

/**
 * `POST /login/` with `username` and `password`: 202, and the cookies.
 *
 * @throws Problem wrong_credentials, in the same time and words whatever was wrong: name, password, or a user who may
 *   not log in; throttled, whether or not there is such a user
 */
export async function login(context: Context): Promise<Response> {
  const { username, password } = readFields(await context.data(), FORM);
  const user = await guardAttempt(context, username, () => enter(context, username, password));
  if (user === null) throw new Problem("wrong_credentials");
  return empty(202);
}

async function enter(context: Context, username: string, password: string): Promise<User | null> {
  const { db, passwords } = context.services;
  const credentials = await findCredentials(db, username);
  const check = await passwords.check(password, credentials?.user.isActive ? credentials.password : null);
  if (credentials === null || !check.right) return null;
  return (await start(context, credentials, check.replacement)) ? credentials.user : null;
}
