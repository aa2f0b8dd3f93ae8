import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";

/** A browser context that outlives a test, for the next test with the same options. */
interface Visitor {
  options: string;
  context: BrowserContext;
  /** A page without script. While it is open, the renderer process lives. */
  keeper: Page;
  /** Removes cookies, storage and cache. */
  clear: () => Promise<void>;
}

/** By their place in a test: the first visitor, the second. */
const visitors: (Visitor | undefined)[] = [];

/**
 * The context of a visitor, without pages, cookies, storage and cache. A new context costs a renderer process. A kept
 * one also keeps the scripts that its process has compiled.
 *
 * @param place the visitor's number in the test, from 0
 * @param origin of a server that answers `/robots.txt`
 */
export async function openVisitor(
  browser: Browser,
  place: number,
  origin: string,
  options: BrowserContextOptions,
): Promise<BrowserContext> {
  const wanted = JSON.stringify(options);
  const last = visitors[place];
  if (last?.options === wanted) {
    await last.clear();
    return last.context;
  }
  await last?.context.close();
  const context = await browser.newContext(options);
  visitors[place] = { options: wanted, context, ...(await keepProcess(context, origin)) };
  return context;
}

/**
 * Closes the pages of a test. A context with two goes with them: one page may reload the other, and Chromium ignores the
 * command to close a page whose navigation commits at that moment.
 */
export async function closePages(): Promise<void> {
  for (const [place, visitor] of visitors.entries()) {
    const [page, ...others] = visitor?.context.pages().filter((page) => page !== visitor.keeper) ?? [];
    if (others.length === 0) await page?.close();
    else {
      visitors[place] = undefined;
      await visitor?.context.close();
    }
  }
}

/** Closes the contexts too, if a test may have left anything else behind. */
export async function closeVisitors(): Promise<void> {
  for (const visitor of visitors.splice(0)) await visitor?.context.close();
}

async function keepProcess(context: BrowserContext, origin: string): Promise<Pick<Visitor, "keeper" | "clear">> {
  const keeper = await context.newPage();
  await keeper.goto(`${origin}/robots.txt`);
  const debug = await context.newCDPSession(keeper);
  const clear = async () => {
    await context.clearCookies();
    await debug.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
    await debug.send("Network.clearBrowserCache");
  };
  return { keeper, clear };
}
