import assert from "node:assert/strict";
import { describe } from "node:test";
import { browserTest, fillAndSend, focused, NOT_ON_DENO, pathOf, send, useBrowser } from "./support/browser.ts";
import { onlyOnBun } from "./support/runtime.ts";
import { ADA, askForLink, nextToken, openSignupLink, SIGNUP_ON } from "./support/signup-states.ts";

const FORM = { Username: ADA.username, Password: ADA.password };

describe("sign-up in a browser", onlyOnBun(NOT_ON_DENO), () => {
  useBrowser();

  for (const javaScriptEnabled of [true, false]) {
    browserTest(
      `leads from the login to the profile, ${javaScriptEnabled ? "with" : "without"} script`,
      async (stage) => {
        const { page } = stage;
        stage.expectStatus(400);
        await page.goto("/login/");
        await Promise.all([page.waitForURL("/signup/"), page.getByText("Create an account", { exact: true }).click()]);
        await fillAndSend(page, { "Email address": ADA.email }, "Send the link");
        await page.getByText(ADA.email).waitFor();
        const token = await nextToken(stage);
        await page.goto(`/signup/confirm/?token=${token}`);
        await page.getByText(`the account of ${ADA.email}`).waitFor();
        assert.equal(await focused(page), "username");
        await fillAndSend(page, { Username: "alice", Password: ADA.password }, "Create the account");
        await page.getByText("This username is taken. Choose another one.").waitFor();
        assert.equal(await page.getByLabel("Username").inputValue(), "alice");
        await fillAndSend(page, FORM, "Create the account");
        assert.equal(pathOf(page), "/profile/");
        assert.equal(await page.getByLabel("Email address").inputValue(), ADA.email);
      },
      { environment: SIGNUP_ON, javaScriptEnabled },
    );
  }

  browserTest(
    "shows the link's token neither in the address nor after a reload, and the link is used once",
    async (stage) => {
      const { page } = stage;
      stage.expectStatus(400);
      const token = await openSignupLink(stage);
      assert.equal(pathOf(page), "/signup/confirm/");
      const field = page.locator("input[name=token]");
      await page.reload();
      await field.waitFor({ state: "attached" });
      await page.waitForURL("/signup/confirm/");
      assert.equal(await field.inputValue(), token);
      const other = await stage.visit();
      await other.goto(`/signup/confirm/?token=${token}`);
      await fillAndSend(page, FORM, "Create the account");
      await fillAndSend(other, { ...FORM, Username: "eve" }, "Create the account");
      await other.getByRole("heading", { name: "This link no longer works" }).waitFor();
      assert.equal(await other.getByRole("link", { name: "Create an account" }).getAttribute("href"), "/signup/");
      assert.equal(pathOf(other), "/signup/confirm/");
      const users = await stage.services.db.selectFrom("users").select("username").orderBy("id").execute();
      assert.deepEqual(
        users.map(({ username }) => username),
        ["alice", "ada"],
      );
    },
    { environment: SIGNUP_ON },
  );

  browserTest(
    "lets a person correct a mistyped address",
    async ({ page, deliver }) => {
      await askForLink(page, "ada@exmaple.com");
      await page.getByText("ada@exmaple.com").waitFor();
      await Promise.all([page.waitForURL("/signup/"), page.getByText("Enter the address again").click()]);
      await page.getByLabel("Email address").fill(ADA.email);
      await send(page, "Send the link");
      assert.deepEqual(
        (await deliver()).map(({ to }) => to),
        ["ada@exmaple.com", ADA.email],
      );
    },
    { environment: SIGNUP_ON },
  );

  browserTest(
    "is three calls of /client.js in a front end of one's own, with the errors by field",
    async (stage) => {
      const { page } = stage;
      stage.expectStatus(400, 404);
      // A page of Postern that does not load again after a login.
      await page.goto("/nowhere/");
      const run = (code: string): Promise<unknown> =>
        page.evaluate(`import("/client.js").then(async (client) => { ${code} })`);
      const errorsOf = (call: string) => run(`return client.${call}.catch(({ errors }) => Object.keys(errors))`);
      assert.deepEqual(await errorsOf('signup("ada at home")'), ["email"]);
      await run(`await client.signup("${ADA.email}")`);
      const token = await nextToken(stage);
      assert.deepEqual(await errorsOf('confirmSignup("unknown", "ada", "k7#qz!pv-9")'), ["token"]);
      assert.deepEqual(await errorsOf(`confirmSignup("${token}", "alice", "short")`), ["username", "password"]);
      await run("globalThis.told = []; client.events.addEventListener('login', () => told.push('login'))");
      await run(`await client.confirmSignup("${token}", "ada", "k7#qz!pv-9")`);
      assert.deepEqual(await run("return [told, (await client.profile()).username]"), [["login"], "ada"]);
    },
    { environment: SIGNUP_ON },
  );
});
