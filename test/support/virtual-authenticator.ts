import assert from "node:assert/strict";
import type { CDPSession, Page } from "playwright-core";
import type { Stage } from "./browser.ts";
import { giveSession } from "./page-states.ts";

/** A phone or a computer that syncs its passkeys, or a security key that cannot check its user. */
export type Kind = "phone" | "security key";

/** A passkey in a virtual authenticator, as the debugger gives it. Its bytes are in base64. */
type StoredPasskey = Awaited<ReturnType<typeof readPasskeys>>[number];

/** An authenticator of Chromium's own (WebAuthn Level 3 §11), plugged into one page. It answers at once. */
export interface VirtualAuthenticator {
  passkeys: () => Promise<StoredPasskey[]>;
  /** Puts a passkey into it: a copy, or one with other values. */
  put: (passkey: StoredPasskey) => Promise<unknown>;
  removeAll: () => Promise<unknown>;
  /** Whether its user proves to be who they are. If not, the browser tells the page that the person has cancelled. */
  verifyUser: (isVerified: boolean) => Promise<unknown>;
  /** Whether it answers by itself, as if the person touched it at once. */
  touch: (isTouched: boolean) => Promise<unknown>;
}

export async function plugIn(page: Page, kind: Kind = "phone"): Promise<VirtualAuthenticator> {
  const debug = await page.context().newCDPSession(page);
  await debug.send("WebAuthn.enable", { enableUI: false });
  const isPhone = kind === "phone";
  const { authenticatorId } = await debug.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: isPhone ? "internal" : "usb",
      hasResidentKey: isPhone,
      hasUserVerification: isPhone,
      isUserVerified: isPhone,
      automaticPresenceSimulation: true,
      defaultBackupEligibility: isPhone,
      defaultBackupState: isPhone,
    },
  });
  return {
    passkeys: () => readPasskeys(debug, authenticatorId),
    put: (credential) => debug.send("WebAuthn.addCredential", { authenticatorId, credential }),
    removeAll: () => debug.send("WebAuthn.clearCredentials", { authenticatorId }),
    verifyUser: (isUserVerified) => debug.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
    touch: (enabled) => debug.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
  };
}

async function readPasskeys(debug: CDPSession, authenticatorId: string) {
  return (await debug.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
}

/** The one passkey that the authenticator has. */
export async function onlyPasskey(authenticator: VirtualAuthenticator): Promise<StoredPasskey> {
  const [passkey, ...others] = await authenticator.passkeys();
  assert.equal(others.length, 0);
  return passkey ?? assert.fail("the authenticator has no passkey");
}

/** Takes the autofill of passkeys from the browser. The virtual authenticator would answer it before a test can click. */
export async function withoutAutofill(page: Page): Promise<void> {
  await page.addInitScript("PublicKeyCredential.isConditionalMediationAvailable = async () => false");
}

/** Gives alice a session, and a passkey in the authenticator of the page, without the page "Security". */
export async function givePasskey(stage: Stage, page = stage.page): Promise<void> {
  await giveSession(stage, undefined, page);
  await page.goto("/profile/");
  await page.evaluate(`import("/client.js").then(({ passkey }) => passkey.add("Phone"))`);
}
