import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { environment } from "../../lib/config/load.ts";
import { until } from "./poll.ts";
import { freePort } from "./postgres.ts";
import { ROOT, start } from "./process.ts";

// Real proxies with the configuration of lib/forward/README.md, to the letter but for the addresses.

export type ProxyName = "nginx" | "caddy" | "haproxy";

const FOLDERS = [...(environment["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

/** The path of a program; null if it is not installed. */
export function findProgram(name: string): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** For a test that needs a program of the machine. If it is not installed, the test is reported as skipped, and a line says why. */
export function onlyWith(name: ProxyName | "openssl" | "postfix"): { skip: boolean } {
  const isMissing = findProgram(name) === null;
  if (isMissing) process.stdout.write(`Not run: ${name} is not installed.\n`);
  return { skip: isMissing };
}

/** A code block of a language in the document. @param index 0 for the first one */
export function snippet(language: string, index = 0): string {
  const document = readFileSync(join(ROOT, "lib/forward/README.md"), "utf8");
  const blocks = [...document.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))];
  const code = blocks[index]?.[1];
  if (code === undefined) throw new Error(`lib/forward/README.md has no ${language} at ${index}`);
  return code;
}

export interface Ports {
  /** The proxy's own. */
  proxy: number;
  postern: number;
  application: number;
}

/** The document's addresses and files become those of the test. */
function place(code: string, { proxy, postern, application }: Ports, folder: string): string {
  return code
    .replaceAll("127.0.0.1:8000", `127.0.0.1:${postern}`)
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${application}`)
    .replace("listen 443 ssl;", `listen 127.0.0.1:${proxy} ssl;`)
    .replace("bind :443 ssl", `bind 127.0.0.1:${proxy} ssl`)
    .replaceAll("/etc/ssl/example.com.pem", join(folder, CERTIFICATE))
    .replace("/etc/haproxy/postern.lua", join(folder, "postern.lua"));
}

const CERTIFICATE = "certificate.pem";

/** The same without TLS: the clients of the tests speak HTTP. */
function withoutTls(code: string, { proxy }: Ports): string {
  return code
    .replace(/^( +listen .*) ssl;$/m, "$1;")
    .replace(/^ +ssl_certificate.*\n/gm, "")
    .replace(/^( +bind .*) ssl crt .*$/m, "$1")
    .replace("example.com {", `http://127.0.0.1:${proxy} {`);
}

/** Writes the configuration. @returns the arguments that start the proxy with it */
const PROXIES: Record<
  ProxyName,
  (write: (name: string, text: string) => Promise<string>, code: Place) => Promise<string[]>
> = {
  nginx: async (write, code) => {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
    const user = process.getuid?.() === 0 ? "user root; " : "";
    const text = `${user}daemon off; pid nginx.pid; error_log stderr; events {}\nhttp { access_log off; ${paths.join(" ")}\n${code("nginx")}\n}`;
    return ["-p", ".", "-c", await write("nginx.conf", text)];
  },
  caddy: async (write, code) => [
    "run",
    "--adapter",
    "caddyfile",
    "--config",
    await write("Caddyfile", `{\n  admin off\n  auto_https off\n}\n${code("caddy")}`),
  ],
  haproxy: async (write, code) => {
    await write("postern.lua", code("lua"));
    return ["-f", await write("haproxy.cfg", code("haproxy"))];
  },
};

type Place = (language: string) => string;

export interface RunningProxy extends AsyncDisposable {
  port: number;
}

/**
 * @param change what the test adds to the document's configuration, for example a condition
 * @param parent the place of its folder
 */
export async function startProxy(
  name: ProxyName,
  to: Omit<Ports, "proxy">,
  change: (code: string) => string = (code) => code,
  parent = tmpdir(),
): Promise<RunningProxy> {
  const folder = await mkdtemp(join(parent, "postern-proxy-"));
  const ports = { ...to, proxy: await freePort() };
  const write = async (file: string, text: string) => {
    await writeFile(join(folder, file), text);
    return join(folder, file);
  };
  const args = await PROXIES[name](write, (language) =>
    withoutTls(place(change(snippet(language)), ports, folder), ports),
  );
  const running = start([findProgram(name) ?? name, ...args], folder);
  let hasEnded = false;
  void running.ended.then(() => {
    hasEnded = true;
  });
  await until(`${name} answers`, async () => {
    if (hasEnded) throw new Error(`${name} ended: ${running.output.stderr}`);
    return fetch(`http://127.0.0.1:${ports.proxy}/`).then(
      () => true,
      () => false,
    );
  });
  return {
    port: ports.proxy,
    [Symbol.asyncDispose]: async () => {
      running.child.kill("SIGTERM"); // With SIGKILL, the workers of nginx would go on.
      await running.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Prints a new key and its certificate. */
const SELF_SIGNED =
  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout - -subj /CN=a".split(" ");

/** The arguments with which a program only checks its configuration. */
const CHECK: Record<ProxyName, (args: string[]) => string[]> = {
  nginx: (args) => [...args, "-t"],
  caddy: ([, ...args]) => ["validate", ...args],
  haproxy: (args) => [...args, "-c"],
};

/** Lets a proxy check its documented configuration, with TLS. @returns its complaints; empty if there are none */
export async function checkConfiguration(name: ProxyName): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-proxy-"));
  const write = async (file: string, text: string) => {
    await writeFile(join(folder, file), text);
    return join(folder, file);
  };
  const [openssl = "", ...options] = SELF_SIGNED;
  const made = await start([findProgram(openssl) ?? openssl, ...options], folder).ended;
  await write(CERTIFICATE, made.stdout);
  const ports = { proxy: await freePort(), postern: 8000, application: 3000 };
  const args = await PROXIES[name](write, (language) => place(snippet(language), ports, folder));
  const { code, stdout, stderr } = await start([findProgram(name) ?? name, ...CHECK[name](args)], folder).ended;
  await rm(folder, { recursive: true, force: true });
  return code === 0 ? "" : stdout + stderr;
}

const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What the application received. */
export interface Received {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Application extends AsyncDisposable {
  port: number;
  received: Received[];
}

/** An application that answers with what it received, and accepts every WebSocket. */
export async function startApplication(): Promise<Application> {
  const received: Received[] = [];
  const note = ({ method = "", url = "", headers }: IncomingMessage, body: string) => {
    const seen = { method, url, headers: { ...headers }, body };
    received.push(seen);
    return seen;
  };
  const server = createServer({ maxHeaderSize: 65_536 }, async (request, answer) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const seen = note(request, Buffer.concat(chunks).toString());
    answer.writeHead(200, { "Content-Type": "application/json", "Set-Cookie": "own=1" }).end(JSON.stringify(seen));
  });
  server.on("upgrade", (request, socket) => {
    note(request, "");
    // RFC 6455 §4.2.2. HAProxy checks it.
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}${WEBSOCKET_GUID}`)
      .digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    socket.end(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join("\r\n")}\r\n\r\nhello`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A TCP server has one.
  return {
    port,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
