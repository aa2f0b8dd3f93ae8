import type { Authenticated } from "../context.ts";
import { passwordAttempts, type Throttled } from "./attempts.ts";
import { type FactorThrottled, factorAttempts } from "./factor-attempts.ts";

/** What `proofAttempts` adds to a context. */
export type ProofThrottled = Throttled & FactorThrottled;

/** The throttle of a row whose handler checks a password or a code: each as in the rows that check it alone. */
export function proofAttempts<C extends Authenticated>(context: C): C & ProofThrottled {
  return factorAttempts(passwordAttempts(context));
}
