import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  browserTest,
  fillAndSend,
  focused,
  logIn,
  NOT_ON_DENO,
  pathOf,
  type Stage,
  send,
  useBrowser,
} from "./support/browser.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { enterPassword, remember, rememberBox } from "./support/trust-states.ts";

for (const javaScriptEnabled of [true, false]) {
  describe(`a person with${javaScriptEnabled ? "" : "out"} script who`, onlyOnBun(NOT_ON_DENO), () => {
    const visitor = javaScriptEnabled ? {} : { javaScriptEnabled };
    useBrowser();

    browserTest(
      "has the browser remembered logs in with the password alone, until the browser is forgotten",
      async (stage) => {
        const { page, clock } = stage;
        await remember(stage);
        assert.equal(pathOf(page), "/profile/");
        await send(page, "Log out");
        await logIn(page);
        assert.equal(pathOf(page), "/profile/");
        await page.goto("/sessions/");
        await page.getByText("Remembered until").waitFor();
        clock.advance(30);
        await forget(stage);
        await send(page, "Log out");
        await logIn(page);
        assert.equal(pathOf(page), "/login/second-factor/");
      },
      visitor,
    );

    browserTest(
      "ticks the box by its words and mistypes the code finds it ticked",
      async (stage) => {
        const { page, clock, expectStatus } = stage;
        expectStatus(400);
        const code = await enterPassword(stage);
        assert.equal(await focused(page), "code");
        assert.equal(await rememberBox(stage).isChecked(), false);
        await page.getByText("Only on a device of your own.").click();
        assert.equal(await rememberBox(stage).isChecked(), true);
        await fillAndSend(page, { Code: "000000" }, "Log in");
        assert.equal(await rememberBox(stage).isChecked(), true);
        await fillAndSend(page, { Code: code() }, "Log in");
        assert.equal(pathOf(page), "/profile/");
        clock.advance(86_400);
        await send(page, "Log out");
        await logIn(page);
        assert.equal(pathOf(page), "/profile/");
      },
      visitor,
    );
  });
}

async function forget({ page }: Stage): Promise<void> {
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: /^Forget/ }).click()]);
  await page.getByText("The device is forgotten.").waitFor();
}
