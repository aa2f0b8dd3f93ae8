import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import type { Page } from "playwright-core";
import manifest from "../package.json" with { type: "json" };
import { ALICE, browserTest, NOT_ON_DENO, useBrowser } from "./support/browser.ts";
import { onlyInFaults } from "./support/effort.ts";
import { installPackage, isUnreachable, npm, type Project, readSnippet } from "./support/package.ts";
import { until } from "./support/poll.ts";
import { freePort } from "./support/postgres.ts";
import { ROOT, type Running, start } from "./support/process.ts";
import { onlyOnBun } from "./support/runtime.ts";

const INSTALL = { timeout: 300_000 };

const DOCUMENT = "lib/site/README.md";

/** Installed here alone: together they take 50 MB, and only this test needs them. */
const PACKAGES = [
  "vite@8.4.0",
  "@vitejs/plugin-vue@6.0.11",
  "@vitejs/plugin-react@6.3.0",
  "react@19.3.1",
  "react-dom@19.3.1",
  `vue@${manifest.devDependencies.vue}`,
];

/** The files that `npm create vite` makes, and those of the document. */
const FRONT_ENDS = [
  {
    name: "Vue",
    heading: "### Vite with Vue",
    component: { file: "src/App.vue", language: "vue" },
    main: 'import { createApp } from "vue";\nimport App from "./App.vue";\n\ncreateApp(App).mount("#app");\n',
  },
  {
    name: "React",
    heading: "### Vite with React",
    component: { file: "src/App.jsx", language: "jsx" },
    main: `import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import App from "./App.jsx";

createRoot(document.getElementById("app")).render(createElement(StrictMode, null, createElement(App)));
`,
  },
] as const;

const INDEX = `<!doctype html>
<html lang="en">
  <head><title>Notes</title><link rel="icon" href="data:," /></head>
  <body><div id="app"></div><script type="module" src="/src/main.js"></script></body>
</html>
`;

const isLeftOut = onlyOnBun(NOT_ON_DENO).skip || onlyInFaults("npm installs Vite").skip;

const isReachable = isLeftOut || (await canInstall());

async function canInstall(): Promise<boolean> {
  try {
    await npm(ROOT, ["view", "--prefer-offline", PACKAGES[0] ?? "", "version"]);
    return true;
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    process.stdout.write("Not run: the documented front ends with Vite. The registry of npm cannot be reached.\n");
    return false;
  }
}

describe("the documented front end with Vite", { skip: isLeftOut || !isReachable }, () => {
  let project: Project;

  useBrowser();

  before(async () => {
    project = await installPackage(...PACKAGES);
  }, INSTALL);

  after(() => project[Symbol.asyncDispose]());

  for (const frontEnd of FRONT_ENDS) {
    browserTest(`and ${frontEnd.name} logs in and out in development`, async ({ page, origin, expectStatus }) => {
      expectStatus(400, 403);
      await visit(page, await makeFrontEnd(project, frontEnd, origin), []);
    });

    browserTest(`and ${frontEnd.name} logs in and out when it is built`, async ({ page, origin, expectStatus }) => {
      expectStatus(400, 403);
      const folder = await makeFrontEnd(project, frontEnd, origin);
      const { code, stderr } = await startVite(folder, ["build"]).ended;
      assert.equal(code, 0, stderr);
      await visit(page, folder, ["preview"]);
    });
  }
});

/** @param origin Postern's, in place of the documented one */
async function makeFrontEnd(project: Project, frontEnd: (typeof FRONT_ENDS)[number], origin: string): Promise<string> {
  const { name, heading, component, main } = frontEnd;
  const folder = join(project.folder, name);
  const config = readSnippet(DOCUMENT, heading);
  assert(config.includes("http://127.0.0.1:8000"));
  await mkdir(join(folder, "src"), { recursive: true });
  const files = {
    "package.json": JSON.stringify({ name: "notes", type: "module" }),
    "vite.config.js": config.replace("http://127.0.0.1:8000", origin),
    "index.html": INDEX,
    "src/main.js": main,
    [component.file]: readSnippet(DOCUMENT, heading, component.language),
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  return folder;
}

/** By Node, as npm's scripts run it. */
function startVite(folder: string, args: string[]): Running {
  const running = start(["node", join(folder, "../node_modules/vite/bin/vite.js"), ...args], folder);
  running.child.stdin.end();
  return running;
}

/** Starts Vite's server, and uses the front end. */
async function visit(page: Page, folder: string, command: string[]): Promise<void> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const { child, ended, output } = startVite(folder, [
    ...command,
    "--host=127.0.0.1",
    `--port=${port}`,
    "--strictPort",
  ]);
  try {
    await until("Vite answers", async () => {
      assert.equal(child.exitCode, null, output.stderr);
      return (await fetch(url).catch(() => null)) !== null;
    });
    await page.goto(url);
    assert.equal(await loginByOrigin(url), 400);
    await logIn(page, "wrong");
    await page.getByRole("alert").getByText("Access denied: wrong username or password.").waitFor();
    await logIn(page, ALICE.password);
    await page.getByText("Hello, alice").waitFor();
    await page.reload();
    await page.getByText("Hello, alice").waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Username").waitFor();
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

/** As a browser without Fetch Metadata sends it: Postern compares Origin and Host. @returns 403 if they differ */
async function loginByOrigin(url: string): Promise<number> {
  const headers = { Origin: new URL(url).origin, "Content-Type": "application/json" };
  return (await fetch(`${url}login/`, { method: "POST", headers, body: "{}" })).status;
}

async function logIn(page: Page, password: string): Promise<void> {
  await page.getByLabel("Username").fill("alice");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}
