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
  /** Such as `en`. */
  language: string;
}

/**
 * The result of an attempt. `later`: the server is down, or asks to try again (RFC 5321 §4.2.1, 4yz). `never`: the server
 * denies this mail for good (5yz).
 */
export type Delivery = { kind: "sent" } | { kind: "later" | "never"; error: string };

/** The way out for mails. */
export interface Transport {
  /** Never rejects for an error of the server or the network. */
  send: (message: Message) => Promise<Delivery>;
  close: () => void;
}
