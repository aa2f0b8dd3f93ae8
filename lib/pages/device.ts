import type { Html } from "../http/html.ts";
import { ICONS } from "./icons.ts";
import type { Frame } from "./layout.ts";

/** What a User-Agent says; each is null if it does not say it. */
export interface DeviceProps {
  browser: string | null;
  system: string | null;
}

export function deviceName({ words }: Pick<Frame, "words">, { browser, system }: DeviceProps): string {
  if (browser !== null && system !== null) return words.deviceOn(browser, system);
  return browser ?? system ?? words.unknownDevice;
}

const PHONES = new Set(["Android", "iOS", "Windows Phone", "BlackBerry", "HarmonyOS"]);

/** A program names no system. */
export function deviceIcon({ browser, system }: DeviceProps): Html {
  if (system !== null) return PHONES.has(system) ? ICONS.phone : ICONS.computer;
  return browser === null ? ICONS.unknown : ICONS.program;
}
