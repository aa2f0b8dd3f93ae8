import { didYouMean } from "./closest-name.ts";
import { type Config, ConfigError, type Settings } from "./config.ts";
import { contradictions } from "./contradictions.ts";
import type { Option } from "./option.ts";
import { OPTIONS } from "./options.ts";

/**
 * An empty variable counts as unset.
 *
 * @throws ConfigError with every error at once
 */
export function parseConfig(environment: Record<string, string | undefined>): Config {
  const errors: string[] = unknownNames(environment);
  const read = <T>(option: Option<T>): T | null => {
    const text = environment[option.name]?.trim() || option.default;
    if (text === null) return null;
    const value = option.parse(text);
    const shown = option.isSecret ? "not understood" : `"${text}"`;
    if (value !== null) return value;
    errors.push(`${option.name} is ${shown}: expected ${option.expected}.`);
    // The default replaces the value, so that it causes no contradiction as well.
    return option.default === null ? null : option.parse(option.default);
  };
  const entries = Object.entries(OPTIONS).map(([key, option]) => [key, read<unknown>(option)]);
  // Each value comes from the `parse` of its own option. If one is null that must not be, `errors` is not empty.
  const settings = Object.fromEntries(entries) as Settings;
  const secureCookies = settings.publicUrl?.startsWith("https:") ?? false;
  const defaultName = secureCookies && settings.cookieDomain === null ? "__Host-sessionid" : "sessionid";
  const sessionCookieName = settings.sessionCookieName ?? defaultName;
  const config = { ...settings, secureCookies, sessionCookieName, ownHosts: hostsOf(settings.publicUrl) };
  errors.push(...contradictions(config));
  if (errors.length > 0) throw new ConfigError(errors);
  return config;
}

/** The host without a port, and with the default port of its scheme. */
function hostsOf(publicUrl: string | null): string[] | null {
  if (publicUrl === null) return null;
  const { host, protocol } = new URL(publicUrl);
  return [host, host + (protocol === "https:" ? ":443" : ":80")];
}

/** Kubernetes sets these variables in every pod if a Service is named postern. */
const KUBERNETES = /^POSTERN_(SERVICE_|PORT$|PORT_)/;

/** A misspelt setting must not be ignored silently. */
function unknownNames(environment: Record<string, string | undefined>): string[] {
  const known = new Set<string>(Object.values(OPTIONS).map(({ name }) => name));
  return Object.keys(environment)
    .filter((name) => name.startsWith("POSTERN_") && !known.has(name) && !KUBERNETES.test(name))
    .map((name) => {
      const hint = didYouMean(name, [...known], "POSTERN_");
      return `${name} is not a setting.${hint} The command help settings lists them.`;
    });
}

/** The only place that reads the environment of this process. On Bun it includes `.env`. */
export const environment: Record<string, string | undefined> = process.env;
