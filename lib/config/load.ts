import { type Config, ConfigError, type Settings } from "./config.ts";
import { contradictions } from "./contradictions.ts";
import { OPTIONS, type Option } from "./options.ts";

/**
 * Reads the settings from an environment. An empty variable counts as unset.
 *
 * @throws ConfigError that lists every mistake at once
 */
export function parseConfig(environment: Record<string, string | undefined>): Config {
  const mistakes: string[] = unknownNames(environment);
  const read = <T>(option: Option<T>): T | null => {
    const text = environment[option.name]?.trim() || option.default;
    if (text === null) return null;
    const value = option.parse(text);
    const shown = option.isSecret ? "not understood" : `"${text}"`;
    if (value !== null) return value;
    mistakes.push(`${option.name} is ${shown}: expected ${option.expected}.`);
    // Stands in for it, so that it contradicts nothing besides.
    return option.default === null ? null : option.parse(option.default);
  };
  const entries = Object.entries(OPTIONS).map(([key, option]) => [key, read<unknown>(option)]);
  // Each value is what its own row's `parse` gave; where one is null though it must not be, `mistakes` says so below.
  const settings = Object.fromEntries(entries) as Settings;
  const secureCookies = settings.publicUrl?.startsWith("https:") ?? false;
  const defaultName = secureCookies && settings.cookieDomain === null ? "__Host-sessionid" : "sessionid";
  const sessionCookieName = settings.sessionCookieName ?? defaultName;
  const config = { ...settings, secureCookies, sessionCookieName, ownHosts: hostsOf(settings.publicUrl) };
  mistakes.push(...contradictions(config));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** With the scheme's own port, and without it. */
function hostsOf(publicUrl: string | null): string[] | null {
  if (publicUrl === null) return null;
  const { host, protocol } = new URL(publicUrl);
  return [host, host + (protocol === "https:" ? ":443" : ":80")];
}

/** What Kubernetes tells every pod beside a Service that is called postern. */
const KUBERNETES = /^POSTERN_(SERVICE_|PORT$|PORT_)/;

/** A misspelt setting is a mistake, not a default. */
function unknownNames(environment: Record<string, string | undefined>): string[] {
  const known = new Set<string>(Object.values(OPTIONS).map(({ name }) => name));
  return Object.keys(environment)
    .filter((name) => name.startsWith("POSTERN_") && !known.has(name) && !KUBERNETES.test(name))
    .map((name) => `${name} is no setting: the command help settings lists them.`);
}

/** The environment of this process, which Bun has read `.env` into. Nothing else asks for it. */
export const environment: Record<string, string | undefined> = process.env;
