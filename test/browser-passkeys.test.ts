import { describe } from "node:test";
import { browserTest, NOT_ON_DENO, send, useBrowser } from "./support/browser.ts";
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { onlyPasskey, plugIn, withoutAutofill } from "./support/virtual-authenticator.ts";

describe("a passkey", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "is added with two clicks from the profile, and logs in without a password",
    async (stage) => {
      const { page } = stage;
      await withoutAutofill(page);
      const phone = await plugIn(page);
      await giveSession(stage);
      await page.goto("/profile/");
      await page
        .getByRole("link", { name: /Security|Second factors/ })
        .first()
        .click();
      await page.waitForURL("/security/");
      await page.getByRole("button", { name: "Add a passkey" }).click();
      await page.getByRole("heading", { name: "Recovery codes" }).waitFor();
      await onlyPasskey(phone);
      await page.getByRole("link", { name: "I have stored the codes" }).click();
      await send(page, "Log out");
      await page.goto("/login/?next=%2Fsessions%2F");
      await page.getByRole("button", { name: "Log in with a passkey" }).click();
      await page.waitForURL("/sessions/");
    },
    { host: "localhost" },
  );
});
