import type { Session } from "../../db/sessions.ts";

const NAME = /^[0-9a-f]{20}$/;

/**
 * What a session is called where people and programs see it: the first 20 digits of its id, backwards. So a session is
 * found by its name in the order of the ids, and its row's key is not shown. The name opens nothing. It has 80 of the
 * 256 bits of the SHA-256 of a token that has 160 bits; no table has to store it.
 */
export function sessionName({ id }: Pick<Session, "id">): string {
  return backwards(id.slice(0, 20));
}

/** How the id of a session with this name begins; null if the text is no name. */
export function readSessionName(text: string): string | null {
  return NAME.test(text) ? backwards(text) : null;
}

function backwards(digits: string): string {
  return [...digits].reverse().join("");
}
