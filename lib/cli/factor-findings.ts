import type { Content } from "../../db/inspect.ts";
import type { Config } from "../config/config.ts";
import { describeLostSeals, judgeSeals } from "../users/sealed-secrets.ts";
import type { Finding } from "./findings.ts";
import { findKeys } from "./key-findings.ts";
import { plural } from "./progress.ts";

const KEY = "POSTERN_SECRET_KEY";

/** What keeps users from their second factors. */
export function factorFindings(config: Config, { seals, passkeys }: Pick<Content, "seals" | "passkeys">): Finding[] {
  return [...sealFindings(config, seals), ...passkeyFindings(config, passkeys)];
}

function sealFindings(config: Config, seals: Content["seals"]): Finding[] {
  const keys = findKeys(config);
  const { lost, old } = judgeSeals(keys?.factors ?? null, seals);
  const findings: Finding[] = [];
  const message = describeLostSeals(lost);
  if (message !== null) findings.push({ level: "error", code: "factor_key_lost", message, mend: KEY });
  if (old > 0) {
    const message = `An old key has sealed the secrets of ${plural(old, "authenticator app")}. They still open.`;
    findings.push({ level: "info", code: "factor_key_old", message, mend: "rotate-keys" });
  }
  return findings;
}

/** Browsers on this machine can use passkeys without PUBLIC_URL, at `localhost` alone. */
function passkeyFindings({ publicUrl }: Config, passkeys: number): Finding[] {
  if (publicUrl !== null) return [];
  const common = { code: "passkeys_off", mend: "PUBLIC_URL" };
  if (passkeys === 0) {
    const message = "Passkeys are off: without PUBLIC_URL their domain is unknown. They work at localhost alone.";
    return [{ ...common, level: "info", message }];
  }
  const message = `${plural(passkeys, "passkey")} cannot be used: without PUBLIC_URL their domain is unknown.`;
  return [{ ...common, level: "error", message }];
}
