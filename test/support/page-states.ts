import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { inviteFirstUser } from "../../lib/users/invite-first-user.ts";
import { ALICE, fillAndSend, logIn, pathOf, type Stage, send } from "./browser.ts";
import { createClient } from "./client.ts";

/** Every page in every state that looks different, with the steps of a browser to it. */
export const PAGE_STATES: Record<string, (stage: Stage) => Promise<unknown>> = {
  login: ({ page }) => page.goto("/login/?next=%2Fsessions%2F"),
  "login-after-logout": ({ page }) => page.goto("/login/?done=logout"),
  "login-error": async (stage) => {
    stage.expectStatus(400);
    await stage.page.goto("/login/");
    await fillAndSend(stage.page, { Username: "alice", Password: "wrong" }, "Log in");
  },
  "login-blank": async (stage) => {
    stage.expectStatus(400);
    await stage.page.goto("/login/");
    await withoutNativeChecks(stage.page);
    await fillAndSend(stage.page, {}, "Log in");
  },
  "login-throttled": async (stage) => {
    stage.expectStatus(429);
    const { post } = createClient(stage.app);
    for (let failures = 0; failures < 10; failures++) await post("/login/", { ...ALICE, password: "wrong" });
    await logIn(stage.page);
  },
  profile: (stage) => enter(stage, "/profile/"),
  "profile-saved": async (stage) => {
    const { page } = stage;
    await enter(stage, "/profile/");
    const details = { "First name": "Alice", "Email address": "alice@example.com" };
    await fillAndSend(page, details, "Save");
    assert.equal(pathOf(page).split("?")[0], "/profile/");
  },
  "profile-error": async (stage) => {
    stage.expectStatus(400);
    await enter(stage, "/profile/");
    await withoutNativeChecks(stage.page);
    await fillAndSend(stage.page, { "Email address": "alice at home" }, "Save");
  },
  password: (stage) => enter(stage, "/password/change/"),
  "password-error": async (stage) => {
    await PAGE_STATES["password"]?.(stage);
    stage.expectStatus(400);
    const values = { "Current password": ALICE.password, "New password": "alice1" };
    for (const [label, value] of Object.entries(values)) {
      await stage.page.getByLabel(label, { exact: true }).fill(value);
    }
    await stage.page.getByRole("button", { name: "Change password" }).click();
    await stage.page.locator("[aria-invalid=true]").waitFor();
  },
  sessions: async (stage) => {
    for (const userAgent of USER_AGENTS) {
      stage.clock.advance(3_000);
      await logInElsewhere(stage, userAgent);
    }
    stage.clock.advance(3_000);
    await enter(stage, "/sessions/");
  },
  "sessions-alone": (stage) => enter(stage, "/sessions/"),
  activity: async (stage) => {
    await PAGE_STATES["sessions"]?.(stage);
    await logOutOthers(stage.page);
    await createClient(stage.app).post("/login/", { ...ALICE, password: "wrong" });
    await stage.page.goto("/activity/");
  },
  "set-up": async (stage) => {
    const { services, page } = stage;
    await services.db.deleteFrom("users").execute();
    await page.goto((await inviteFirstUser(services)) ?? "");
  },
  "sessions-confirm": async (stage) => {
    await PAGE_STATES["sessions"]?.(stage);
    await stage.page.getByText("Log out all other devices…").click();
  },
  "login-without-users": async ({ services, page }) => {
    await services.db.deleteFrom("users").execute();
    await page.goto("/login/");
  },
  "not-found-by-a-member": (stage) => {
    stage.expectStatus(404);
    return enter(stage, "/nowhere/");
  },
  "set-up-error": async (stage) => {
    await PAGE_STATES["set-up"]?.(stage);
    stage.expectStatus(400);
    const values = { Username: "al ice", "Email address (optional)": "", Password: "password" };
    await fillAndSend(stage.page, values, "Create user");
  },
  "not-found": (stage) => {
    stage.expectStatus(404);
    return stage.page.goto("/nowhere/");
  },
  "foreign-form": async (stage) => {
    stage.expectStatus(403);
    await stage.page.setContent(`<form method="post" action="${stage.origin}/logout/"><button>Prize</button></form>`);
    await fillAndSend(stage.page, {}, "Prize");
  },
  "our-fault": async (stage) => {
    stage.expectStatus(500);
    await breakDatabase(stage, new Error("broken for a test"));
  },
  outage: async (stage) => {
    stage.expectStatus(503);
    await breakDatabase(stage, new Error("database is locked"));
  },
};

const USER_AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
  "HTTPie/3.2.2",
  "",
];

/** Logs in as a program, without a browser. */
export async function logInElsewhere({ app }: Pick<Stage, "app">, userAgent: string, user = ALICE): Promise<void> {
  const { post } = createClient(app);
  assert.equal((await post("/login/", user, { "User-Agent": userAgent })).status, 202);
}

/** From the sessions page. */
export async function logOutOthers(page: Page): Promise<void> {
  await page.getByText("Log out all other devices…").click();
  await send(page, "Yes, log out all others");
}

/** Switches the browser's own validation off, so that the server validates. */
export function withoutNativeChecks(page: Page): Promise<void> {
  return page.evaluate(() => {
    for (const form of document.forms) form.noValidate = true;
  });
}

/** Opens a page with a session. Its login is a program's, because the page of the login has its own states. */
async function enter(stage: Stage, path: string): Promise<void> {
  await giveSession(stage);
  await stage.page.goto(path);
}

/** Logs a browser in without the page of the login. */
export async function giveSession(stage: Stage, user = ALICE, page = stage.page): Promise<void> {
  const { app, origin } = stage;
  const { post, cookies } = createClient(app, new URL(origin).host, "127.0.0.1");
  const userAgent = await page.evaluate(() => navigator.userAgent);
  assert.equal((await post("/login/", user, { "User-Agent": userAgent })).status, 202);
  await giveCookies(stage, cookies, page);
}

/** Gives a browser the cookies of a program. */
export async function giveCookies(
  { origin, page: first }: Pick<Stage, "origin" | "page">,
  cookies: ReadonlyMap<string, string>,
  page = first,
): Promise<void> {
  const jar = [...cookies].map(([name, value]) => ({ name, value, url: origin, httpOnly: name !== "csrftoken" }));
  await page.context().addCookies(jar.map((cookie) => ({ ...cookie, sameSite: "Lax" as const })));
}

async function breakDatabase(stage: Stage, error: Error): Promise<void> {
  const { services, page } = stage;
  await giveSession(stage);
  services.db = new Proxy(services.db, {
    get: () => {
      throw error;
    },
  });
  await page.goto("/profile/");
}
