import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { ListenError } from "./runtime.ts";

const PREFIX = "unix:";

/** The path of a HOST such as `unix:/run/postern/postern.sock`; null if the HOST is an address or a name. */
export function unixPath(host: string): string | null {
  return host.startsWith(PREFIX) ? host.slice(PREFIX.length) : null;
}

/**
 * Removes the socket of a server that did not stop properly: the system does not free its path.
 *
 * @throws ListenError if a server answers there, or if something else has that path
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return;
  if (!entry.isSocket()) throw new ListenError(`${path} is not a socket. Move it away, or set HOST.`);
  const code = await tryToConnect(path);
  if (code === null) throw new ListenError(`Another server answers at ${path}. Stop it, or set HOST.`);
  if (code !== "ECONNREFUSED") throw new ListenError(`Cannot tell whether a server answers at ${path}: ${code}.`);
  unlinkSync(path);
}

/** @returns the code of the error; null if a server accepts the connection */
function tryToConnect(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on("connect", () => {
      socket.destroy();
      resolve(null);
    });
    socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
}
