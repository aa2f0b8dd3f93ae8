import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Page, Request } from "playwright-core";
import { inviteFirstUser } from "../lib/users/invite-first-user.ts";
import { browserTest, fillAndSend, NOT_ON_DENO, pathOf, useBrowser } from "./support/browser.ts";
import { onlyOnBun } from "./support/runtime.ts";

/** Opens the link that the server prints for the first user. */
async function openLink({ page, services }: Parameters<Parameters<typeof browserTest>[1]>[0]): Promise<string> {
  const link = (await inviteFirstUser(services)) ?? "";
  await page.goto(link);
  return link;
}

const hiddenToken = (page: Page) => page.locator("input[name=token]").inputValue();

/** Every request that the page sends from now on. */
function watch(page: Page): Request[] {
  const requests: Request[] = [];
  page.on("request", (request) => void requests.push(request));
  return requests;
}

describe("the token of a link", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  browserTest(
    "leaves the address bar and the history, and a reload still works",
    async (stage) => {
      const { page } = stage;
      const token = new URL(await openLink(stage), stage.origin).searchParams.get("token");
      stage.expectStatus(404);
      for (let count = 0; count < 3; count++) {
        assert.equal(pathOf(page), "/setup/");
        assert.equal(await hiddenToken(page), token);
        await page.reload();
        await page.locator("input[name=token]").waitFor({ state: "attached" });
        await page.waitForURL("/setup/");
      }
      await page.getByRole("link", { name: "Postern" }).click();
      await page.waitForURL("/login/");
      await page.goBack();
      await page.locator("input[name=token]").waitFor({ state: "attached" });
      await page.waitForURL("/setup/");
      assert.equal(await hiddenToken(page), token);
    },
    { users: [] },
  );

  browserTest(
    "is in no Referer, and the form proves its origin also to a server that does not read Sec-Fetch-Site",
    async (stage) => {
      const { page, origin } = stage;
      const requests = watch(page);
      await openLink(stage);
      const values = { Username: "first", "Email address (optional)": "", Password: "k7#qz!pv-9" };
      await fillAndSend(page, values, "Create user");
      assert.equal(pathOf(page), "/profile/");
      for (const request of requests) assert.doesNotMatch((await request.allHeaders())["referer"] ?? "", /token=/);
      const post = requests.find((request) => request.method() === "POST");
      assert.equal((await post?.allHeaders())?.["origin"], origin);
    },
    { users: [] },
  );

  browserTest(
    "is sent by the form without script too",
    async (stage) => {
      await openLink(stage);
      const values = { Username: "first", "Email address (optional)": "", Password: "k7#qz!pv-9" };
      await fillAndSend(stage.page, values, "Create user");
      assert.equal(pathOf(stage.page), "/profile/");
    },
    { users: [], javaScriptEnabled: false },
  );

  browserTest(
    "that does not work is asked for once at a reload, and works later if it can",
    async (stage) => {
      const { page, services } = stage;
      stage.expectStatus(404);
      await openLink(stage);
      const { db } = services;
      const [token] = await db.deleteFrom("one_time_tokens").returningAll().execute();
      assert(token);
      const requests = watch(page);
      await Promise.all([page.waitForResponse(/token=/), page.reload()]);
      await page.waitForFunction(() => location.search === "" && history.state !== null);
      const loads = requests.filter((request) => request.isNavigationRequest());
      assert.deepEqual(
        loads.map((request) => new URL(request.url()).search !== ""),
        [false, true],
      );
      await db.insertInto("one_time_tokens").values(token).execute();
      await page.reload();
      await page.locator("input[name=token]").waitFor({ state: "attached" });
    },
    { users: [] },
  );
});
