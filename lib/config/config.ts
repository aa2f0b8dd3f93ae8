import type { OPTIONS } from "./options.ts";

type Value<O> = O extends { default: null; parse: (text: string) => infer T }
  ? T
  : O extends { parse: (text: string) => infer T }
    ? Exclude<T, null>
    : never;

/** The value of each option. */
export type Settings = { [Name in keyof typeof OPTIONS]: Value<(typeof OPTIONS)[Name]> };

/** The settings, and the values derived from them. */
export interface Config extends Omit<Settings, "sessionCookieName"> {
  sessionCookieName: string;
  /** True if the public URL is https. */
  secureCookies: boolean;
  /** The Host headers that name the public URL, in lower case; null if every Host is accepted. */
  ownHosts: readonly string[] | null;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Every error in the environment, one sentence each. */
  readonly errors: string[];

  constructor(errors: string[]) {
    super(errors.join("\n"));
    this.errors = errors;
  }
}
