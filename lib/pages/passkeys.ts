import type { Html } from "../http/html.ts";
import type { Frame } from "./layout.ts";

export interface PasskeyProps {
  /** The passkey's public name in addresses. */
  id: string;
  /** As its user calls it. */
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
  lastUsedAt: number | null;
  isBackedUp: boolean;
}

/** The part of the page "Security" about passkeys; null if there is nothing to show. */
export function passkeysSection(_frame: Frame, _passkeys: readonly PasskeyProps[]): Html | null {
  return null;
}
