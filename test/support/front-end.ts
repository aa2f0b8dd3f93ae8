import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { forward } from "./balancer.ts";
import { ROOT } from "./process.ts";

/** A site with its front end and its other services, and Postern behind the same origin. */
export interface Site extends AsyncDisposable {
  /** Without a final slash. */
  url: string;
  /** The requests to its own service at `/api/`. */
  asked: IncomingMessage[];
}

const POSTERNS = /^\/(login|logout|profile|password|sessions|setup|signup|static|client\.js)(\/|$)/;
const VUE = readFileSync(join(ROOT, "node_modules/vue/dist/vue.esm-browser.prod.js"));

/** The examples of the documents, unchanged. */
export const PLAIN_PAGE = readExample("README.md");
export const VUE_PAGE = readExample("lib/site/README.md");

function readExample(document: string): string {
  const [, page] = /^```html\n([\s\S]*?)^```/m.exec(readFileSync(join(ROOT, document), "utf8")) ?? [];
  if (page === undefined) throw new Error(`${document} has no example in HTML`);
  return page;
}

/** @param page the content of `/` */
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
  return { ...(await listen(server, 0)), asked };
}

/** A site with one page, without Postern. */
export async function startPage(page: string, port: number): Promise<Omit<Site, "asked">> {
  const server = createServer((_request, answer) => {
    answer.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page);
  });
  return listen(server, port);
}

async function listen(server: Server, port: number): Promise<Omit<Site, "asked">> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const actual = address !== null && typeof address === "object" ? address.port : 0;
  return {
    url: `http://127.0.0.1:${actual}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
