import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { forward } from "./balancer.ts";
import { ROOT } from "./process.ts";

/** A site of somebody's own: its front end and its other services, with Postern behind the same origin. */
export interface Site extends AsyncDisposable {
  /** Without a final slash. */
  url: string;
  /** What its own service at `/api/` was asked. */
  asked: IncomingMessage[];
}

const POSTERNS = /^\/(login|logout|profile|password|sessions|setup|static|client\.js)(\/|$)/;
const VUE = readFileSync(join(ROOT, "node_modules/vue/dist/vue.esm-browser.prod.js"));

/** The examples of the README's "From a front end", as they stand there. */
export const [PLAIN_PAGE = "", VUE_PAGE = ""] = readFrontEnds();

function readFrontEnds(): string[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, section = ""] = /^### From a front end\n([\s\S]*?)^##/m.exec(readme) ?? [];
  return [...section.matchAll(/^```html\n([\s\S]*?)^```/gm)].map(([, page = ""]) => page);
}

/** @param page what stands at `/` */
export async function startSite(page: string, posternPort: number): Promise<Site> {
  const asked: IncomingMessage[] = [];
  const server = createServer(async (request, answer) => {
    const { pathname } = new URL(request.url ?? "/", "http://site.test");
    if (POSTERNS.test(pathname)) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      await forward(request, Buffer.concat(chunks), posternPort, answer);
    } else if (pathname === "/") answer.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page);
    else if (pathname === "/vue.esm-browser.prod.js") {
      answer.writeHead(200, { "Content-Type": "text/javascript" }).end(VUE);
    } else if (pathname === "/api/") {
      asked.push(request);
      answer.writeHead(request.method === "GET" ? 401 : 200).end();
    } else answer.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
