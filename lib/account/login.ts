import { findCredentials } from "../../db/users.ts";
import { empty } from "../answer.ts";
import type { Context } from "../context.ts";
import { Problem } from "../problem.ts";
import { start } from "../session.ts";
import { readFields } from "./fields.ts";

const FORM = { username: { trim: true }, password: { trim: false } };

/**
 * `POST /login/` with `username` and `password`: 202, and the two cookies.
 *
 * @throws Problem wrong_credentials, in the same time and words whatever was wrong: name, password, or a user who may
 *   not log in
 */
export async function login(context: Context): Promise<Response> {
  const { db, passwords } = context.services;
  const { username, password } = readFields(await context.data(), FORM);
  const credentials = await findCredentials(db, username);
  const check = await passwords.check(password, credentials?.user.isActive ? credentials.password : null);
  if (credentials === null || !check.right) throw new Problem("wrong_credentials");
  if (!(await start(context, credentials, check.replacement))) throw new Problem("wrong_credentials");
  return empty(202);
}
