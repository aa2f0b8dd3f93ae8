import type { Stage } from "./browser.ts";
import { fillAndSend } from "./browser.ts";
import { giveSession } from "./page-states.ts";

/** The settings of these states. */
export const DELETION_ON = { POSTERN_ACCOUNT_DELETION: "on" };

async function open({ page, ...stage }: Stage, path: string): Promise<void> {
  await giveSession({ page, ...stage });
  await page.goto(path);
}

/** As PAGE_STATES, for the pages about the end of an account. */
export const DELETION_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  "profile-with-deletion": (stage) => open(stage, "/profile/"),
  "delete-account": (stage) => open(stage, "/account/delete/"),
  "delete-account-error": async (stage) => {
    stage.expectStatus(400);
    await open(stage, "/account/delete/");
    await fillAndSend(stage.page, { "Current password": "wrong" }, "Delete my account");
  },
  "delete-account-superuser": async (stage) => {
    await stage.services.db.updateTable("users").set({ is_superuser: 1 }).execute();
    await open(stage, "/account/delete/");
  },
  "login-after-deletion": ({ page }) => page.goto("/login/?done=deleted"),
};
