import type { Frame } from "./layout.ts";

/** What a User-Agent tells, each null where it does not. */
export interface DeviceProps {
  browser: string | null;
  system: string | null;
}

export function deviceWords({ words }: Frame, { browser, system }: DeviceProps): string {
  if (browser !== null && system !== null) return words.deviceOn(browser, system);
  return browser ?? system ?? words.unknownDevice;
}
