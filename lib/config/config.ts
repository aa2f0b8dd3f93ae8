import type { OPTIONS } from "./options.ts";

type Value<O> = O extends { default: null; parse: (text: string) => infer T }
  ? T
  : O extends { parse: (text: string) => infer T }
    ? Exclude<T, null>
    : never;

/** The value of each option, by its key. */
export type Settings = { [Name in keyof typeof OPTIONS]: Value<(typeof OPTIONS)[Name]> };

/** Every setting, and what follows from them. */
export interface Config extends Omit<Settings, "sessionCookieName"> {
  sessionCookieName: string;
  /** Whether cookies are Secure: the public URL is https. */
  secureCookies: boolean;
  /** How a client may write the host of the public URL, in lower case; null where any host will do. */
  ownHosts: readonly string[] | null;
}

/** Everything wrong with the environment, a sentence each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly mistakes: string[];

  constructor(mistakes: string[]) {
    super(mistakes.join("\n"));
    this.mistakes = mistakes;
  }
}
