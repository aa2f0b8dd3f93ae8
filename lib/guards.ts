import type { Context, MemberContext } from "./context.ts";
import { Problem } from "./problem.ts";

/** Everybody, with a session or without. */
export function anyone(context: Context): Context {
  return context;
}

/** Who has a live session. @throws Problem not_authenticated */
export function member(context: Context): MemberContext {
  const { current } = context;
  if (current === null) throw new Problem("not_authenticated");
  return { ...context, current };
}
