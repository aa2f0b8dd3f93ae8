import type { Sender } from "../config/mail-url.ts";

/** A mail, ready to be sent. */
export interface Message {
  from: Sender;
  /** The recipient's address. */
  to: string;
  subject: string;
  text: string;
  html: string;
  /** Without the angle brackets. */
  messageId: string;
  /** The `Date` of the mail, epoch milliseconds: the same at each attempt. */
  date: number;
  /** Such as `en`. */
  language: string;
}

/**
 * The result of an attempt. `later`: the server is down, does not let Postern in, or asks to try again (RFC 5321 §4.2.1,
 * 4yz). `never`: the server denies this mail for good (5yz). `error` is a sentence for an operator.
 */
export type Delivery = { kind: "sent" } | { kind: "never"; error: string } | Postponed;

interface Postponed {
  kind: "later";
  error: string;
  /** Whether the reason is not this mail: the server takes none now. */
  isOutage?: boolean;
}

/** Mails that are sent at the same time, each on a connection of its own. */
export const CONNECTIONS = 4;

/** The way out for mails. */
export interface Transport {
  /** Never rejects for an error of the server or the network. */
  send: (message: Message) => Promise<Delivery>;
  /** Ends the attempts under way: their result is `later`. */
  close: () => void;
}
