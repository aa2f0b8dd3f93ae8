import { ALICE, fillAndSend, type Stage } from "./browser.ts";
import { giveSession } from "./page-states.ts";
import { givePasskey, plugIn, withoutAutofill } from "./virtual-authenticator.ts";

/** The pages with passkeys, in each state that looks different. */
export const PASSKEY_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "security-without-passkeys": async (stage) => {
    await giveSession(stage);
    await stage.page.goto("/security/");
    await stage.page.getByRole("button", { name: "Add a passkey" }).waitFor();
  },
  "security-recovery-codes": async (stage) => {
    await plugIn(stage.page);
    await PASSKEY_STATES["security-without-passkeys"]?.(stage);
    await stage.page.getByRole("button", { name: "Add a passkey" }).click();
    await stage.page.getByRole("heading", { name: "Recovery codes", level: 1 }).waitFor();
  },
  "security-passkeys": async (stage) => {
    const { page } = stage;
    await plugIn(page);
    await givePasskey(stage);
    await plugIn(page, "security key");
    const name = `Ada’s key from ${"Donaudampfschiffahrts".repeat(2)}`;
    await page.evaluate(`import("/client.js").then(({ passkey }) => passkey.add(${JSON.stringify(name)}))`);
    stage.clock.advance(3_000);
    await page.goto("/security/");
    await page.getByText("Rename or remove…").last().click();
  },
  "security-passkey-error": async (stage) => {
    const { page } = stage;
    await plugIn(page);
    await givePasskey(stage);
    await page.goto("/security/");
    await page.getByRole("button", { name: "Add a passkey" }).click();
    await page.getByText("This device already has a passkey").waitFor();
  },
  "login-with-passkeys": async (stage) => {
    await leaveLoggedOut(stage);
    await stage.page.goto("/login/");
    await stage.page.getByRole("button", { name: "Log in with a passkey" }).waitFor();
  },
  "login-passkey-error": async (stage) => {
    const phone = await leaveLoggedOut(stage);
    await phone.verifyUser(false);
    await stage.page.goto("/login/");
    await stage.page.getByRole("button", { name: "Log in with a passkey" }).click();
    await stage.page.getByText("No passkey was used.").waitFor();
  },
  "second-factor-passkey": async (stage) => {
    const { page } = stage;
    await leaveLoggedOut(stage);
    await page.goto("/login/");
    await fillAndSend(page, { Username: ALICE.username, Password: ALICE.password }, "Log in");
    await page.getByRole("button", { name: "Use a passkey" }).waitFor();
  },
  "second-factor-passkey-alone": async (stage) => {
    await PASSKEY_STATES["second-factor-passkey"]?.(stage);
    await stage.services.db.deleteFrom("recovery_codes").execute();
    await stage.page.reload();
    await stage.page.getByRole("button", { name: "Use a passkey" }).waitFor();
  },
};

async function leaveLoggedOut(stage: Stage) {
  await withoutAutofill(stage.page);
  const phone = await plugIn(stage.page);
  await givePasskey(stage);
  await stage.page.context().clearCookies();
  return phone;
}
