import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  browserTest,
  fillAndSend,
  logIn,
  NOT_ON_DENO,
  pathOf,
  type Stage,
  send,
  useBrowser,
} from "./support/browser.ts";
import { giveAddress, NEW_ADDRESS, WITH_MAIL } from "./support/mail-page-states.ts";
import { giveSession } from "./support/page-states.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { tokenIn } from "./support/test-app.ts";

const OLD_ADDRESS = "alice@example.com";
const PASSWORD = "right horse";

/** The path of the link that was just sent to an address. */
async function sentLink({ deliver }: Stage, address: string): Promise<string> {
  const mail = (await deliver()).findLast(({ to, text }) => to === address && text.includes("/email/confirm/"));
  assert(mail);
  return `/email/confirm/?token=${tokenIn(mail)}`;
}

for (const javaScriptEnabled of [true, false]) {
  describe(`a person with${javaScriptEnabled ? "" : "out"} script who`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = { environment: WITH_MAIL, ...(javaScriptEnabled ? {} : { javaScriptEnabled }) };
    useBrowser();

    browserTest(
      "sets a new address opens its link on another device, and then logs in by it",
      async (stage) => {
        const { page, visit, expectStatus } = stage;
        expectStatus(400);
        await giveAddress(stage);
        await giveSession(stage);
        await page.goto("/profile/");
        await page.getByText(`${OLD_ADDRESS} is confirmed. You can log in with it.`).waitFor();
        await fillAndSend(page, { "First name": "Alice", "Email address": NEW_ADDRESS }, "Save");
        await page.getByText("We have sent you a link.").waitFor();
        await page.getByText(`Until you open it, ${OLD_ADDRESS} stays.`).waitFor();
        assert.equal(await page.getByLabel("First name").inputValue(), "Alice");
        assert.equal(await page.getByLabel("Email address").inputValue(), OLD_ADDRESS);

        const phone = await visit();
        const link = await sentLink(stage, NEW_ADDRESS);
        await phone.goto(link);
        for (const fact of ["alice", NEW_ADDRESS, "127.0.0.1"]) await phone.getByText(fact, { exact: true }).waitFor();
        await phone.getByText(`It replaces ${OLD_ADDRESS}.`).waitFor();
        if (javaScriptEnabled) assert.equal(pathOf(phone), "/email/confirm/");
        await send(phone, "Confirm the address");
        assert.equal(pathOf(phone).split("?")[0], "/login/");
        await phone.getByText("The email address is confirmed.").waitFor();

        await page.reload();
        await page.getByText(`${NEW_ADDRESS} is confirmed.`).waitFor();
        await logIn(phone, { username: NEW_ADDRESS.toUpperCase(), password: PASSWORD });
        assert.equal(pathOf(phone), "/profile/");
        await phone.goto(link);
        await phone.getByRole("heading", { name: "This link no longer works" }).waitFor();
      },
      visitor,
    );

    browserTest(
      "has an address that is not confirmed gets a link to it from the profile",
      async (stage) => {
        const { page } = stage;
        await giveAddress(stage, null);
        await giveSession(stage);
        await page.goto("/profile/");
        await page.getByText(`${OLD_ADDRESS} is not confirmed yet.`).waitFor();
        await send(page, "Send a link to confirm the address");
        await page.getByText(`We have sent a link to ${OLD_ADDRESS}.`).waitFor();
        await page.goto(await sentLink(stage, OLD_ADDRESS));
        await send(page, "Confirm the address");
        assert.equal(pathOf(page).split("?")[0], "/profile/");
        await page.getByText(`${OLD_ADDRESS} is confirmed. You can log in with it.`).waitFor();
      },
      visitor,
    );
  });
}
