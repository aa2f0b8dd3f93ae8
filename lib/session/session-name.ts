import type { Session } from "../../db/sessions.ts";

const NAME = /^[0-9a-f]{20}$/;

/**
 * The public name of a session: the first 20 digits of its id, backwards. The primary key finds a session by its name,
 * and the id itself is not shown. The name opens nothing: it has 80 of the 256 bits of a hash of the token.
 */
export function sessionName({ id }: Pick<Session, "id">): string {
  return backwards(id.slice(0, 20));
}

/** The first 20 digits of the id of the session with this name; null if the text is no name. */
export function readSessionName(text: string): string | null {
  return NAME.test(text) ? backwards(text) : null;
}

function backwards(digits: string): string {
  return [...digits].reverse().join("");
}
