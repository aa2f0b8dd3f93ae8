import { didYouMean } from "../config/closest-name.ts";
import { type Config, ConfigError, type Settings } from "../config/config.ts";
import { parseConfig } from "../config/load.ts";
import type { Option } from "../config/option.ts";
import { OPTIONS } from "../config/options.ts";
import { PosternError } from "./error.ts";

/** Settings of the program's own listener and processes. An application that embeds Postern has its own. */
const OF_THE_PROGRAM = [
  "port",
  "host",
  "workers",
  "opsAddress",
  "idleTimeoutSeconds",
  "shutdownSeconds",
  "shutdownDelaySeconds",
] as const satisfies (keyof Settings)[];

type Embedded = Exclude<keyof Settings, (typeof OF_THE_PROGRAM)[number]>;

/** A list of origins, networks or keys may also be one text, separated by commas. */
type Given<T> = T extends string | number | boolean ? T : string | readonly string[];

/**
 * The settings, by the names of the environment variables in camelCase and without `POSTERN_`: `databaseUrl` is
 * `DATABASE_URL`, `siteName` is `POSTERN_SITE_NAME`. An empty text counts as unset.
 */
export type PosternSettings = { readonly [Name in Embedded]?: Given<Exclude<Settings[Name], null>> | undefined };

const ALL: ReadonlyMap<string, Option<unknown>> = new Map(Object.entries(OPTIONS));
const PROGRAMS: ReadonlySet<string> = new Set(OF_THE_PROGRAM);
const EMBEDDED = [...ALL.keys()].filter((key) => !PROGRAMS.has(key));
const KEYS: ReadonlyMap<string, string> = new Map([...ALL].map(([key, { name }]) => [name, key]));

/** The embedding server closes idle connections, so no body timeout is too long for ours: the maximum. */
const ENVIRONMENT = { [OPTIONS.idleTimeoutSeconds.name]: "255" };

/** Reads no environment. @throws PosternError with every error at once, by the names of the options */
export function parseOptions(settings: PosternSettings): Config {
  const errors: string[] = [];
  const environment: Record<string, string | undefined> = { ...ENVIRONMENT };
  for (const [key, value] of Object.entries<unknown>(settings)) {
    const option = PROGRAMS.has(key) ? undefined : ALL.get(key);
    const text = textOf(value);
    if (option === undefined) errors.push(explainUnknown(key));
    else if (text === null) errors.push(`${key} is of the type ${typeof value}: expected ${option.expected}.`);
    else environment[option.name] = text;
  }
  try {
    const config = parseConfig(environment);
    if (errors.length === 0) return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    errors.push(...error.errors.map(nameOptions));
  }
  throw new PosternError(errors.join("\n"));
}

/** A sentence about settings, with the names of the options in place of the environment variables. */
export function nameOptions(sentence: string): string {
  return sentence.replace(/\b[A-Z]+(_[A-Z]+)+\b/g, (name) => KEYS.get(name) ?? name);
}

/** @returns null if no setting has a value of this type */
function textOf(value: unknown): string | null {
  if (value === undefined) return "";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string" || typeof value === "number") return String(value);
  return Array.isArray(value) && value.every((item) => typeof item === "string") ? value.join(",") : null;
}

function explainUnknown(key: string): string {
  if (PROGRAMS.has(key)) return `${key} is a setting of the command serve. It has no effect on an embedded Postern.`;
  const option = KEYS.get(key);
  const hint = option === undefined ? didYouMean(key, EMBEDDED) : ` Did you mean ${option}?`;
  return `${key} is not an option of createPostern.${hint}`;
}
