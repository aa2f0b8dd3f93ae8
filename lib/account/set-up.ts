import { consumeToken, insertSetupToken } from "../../db/one-time-tokens.ts";
import { transaction } from "../../db/open.ts";
import { hasUsers, insertUser, type NewUser, type User } from "../../db/users.ts";
import { NOBODY, recordEvents, userSubject } from "../audit/audit-log.ts";
import type { SetupContext } from "../context.ts";
import { generateToken, hashToken } from "../crypto/token.ts";
import { readFields } from "../http/fields.ts";
import { type FieldErrors, Problem } from "../http/problem.ts";
import { NO_MISTAKES } from "../pages/form.ts";
import { setUpPage } from "../pages/set-up.ts";
import { judgePassword } from "../passwords/password-rules.ts";
import { page, sentValues } from "../pipeline/page-responses.ts";
import type { Reply } from "../pipeline/reply.ts";
import { redirect } from "../pipeline/responses.ts";
import type { Services } from "../services.ts";
import { createSession } from "../session/session.ts";
import {
  isUsername,
  MAX_EMAIL_CHARACTERS,
  MAX_NAME_CHARACTERS,
  prepareUser,
  USERNAME_MISTAKE,
} from "../users/create-user.ts";
import { normalizeUsername } from "../users/username.ts";

const TOKEN_MS = 30 * 60 * 1000;

const FORM = {
  username: { trim: true, normalize: normalizeUsername, maxCharacters: MAX_NAME_CHARACTERS },
  email: { trim: true, mayBeBlank: true, maxCharacters: MAX_EMAIL_CHARACTERS, isEmail: true },
  password: { trim: false },
};

/** A path that lets whoever has it make the first user, once, within half an hour; null where there are users. */
export async function inviteFirstUser({ db, now }: Pick<Services, "db" | "now">): Promise<string | null> {
  const token = generateToken();
  const createdAt = now();
  const isStored = await insertSetupToken(db, { id: hashToken(token), createdAt, expiresAt: createdAt + TOKEN_MS });
  return isStored ? `/setup/?token=${token}` : null;
}

/** `GET /setup/?token=…`: the form. */
export function showSetUp(context: SetupContext): Reply {
  const props = { token: context.setupToken, username: "", email: "", mistakes: NO_MISTAKES };
  return page(context, (frame) => setUpPage(frame, props));
}

/** `POST /setup/?token=…`: makes the first superuser, uses the link up, and logs them in. @throws Problem invalid, not_found */
export async function setUp(context: SetupContext): Promise<Reply> {
  const { services, setupToken } = context;
  const { username, email, password } = readFields(await context.data(), FORM);
  const names = { username, email, firstName: "", lastName: "" };
  const judged = await judgePassword(services, password, names);
  const errors: FieldErrors = {
    ...(isUsername(username) ? {} : { username: [USERNAME_MISTAKE] }),
    ...(typeof judged === "string" ? {} : { password: judged }),
  };
  if (typeof judged !== "string" || Object.keys(errors).length > 0) throw new Problem("invalid", { fields: errors });
  const input = { ...names, isStaff: true, isSuperuser: true, password: judged };
  const newUser = await prepareUser(services, input);
  const user = await insertFirstUser(context, hashToken(setupToken), newUser);
  const credentials = { user, password: newUser.password };
  const cookies = await createSession(context, credentials, null, async () => null);
  return redirect("/profile/", cookies === null ? {} : { cookies, loggedInUserId: user.id });
}

/** The form again, with what was wrong. */
export async function renderSetUp(context: SetupContext, { mistakes, status }: Problem): Promise<Reply> {
  const { username, email } = await sentValues(context, "username", "email");
  const props = { token: context.setupToken, username, email, mistakes };
  return page(context, (frame) => setUpPage(frame, props), status);
}

/** @throws Problem not_found where the link was used, or somebody else made a user, since it was looked at */
function insertFirstUser(context: SetupContext, tokenId: string, newUser: NewUser): Promise<User> {
  const { db, now } = context.services;
  return transaction(db, async (db) => {
    const isFirst = (await consumeToken(db, "setup", tokenId, now())) !== null && !(await hasUsers(db));
    const user = isFirst ? await insertUser(db, newUser) : null;
    if (user === null) throw new Problem("not_found");
    await recordEvents(db, context, { kind: "set_up", subject: userSubject(user), actor: NOBODY });
    return user;
  });
}
