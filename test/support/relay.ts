import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A relay between a client and a server. It can behave like a broken network. */
export interface Relay extends AsyncDisposable {
  /** The URL of a server behind it, for clients that use the relay. */
  through: (url: string) => string;
  /** How many connections it has accepted. */
  accepted: () => number;
  /** Stops all bytes on the present connections without closing them, like a pulled cable. */
  silence: () => void;
  /** Whether new connections work. The silenced ones stay silent. */
  mend: () => void;
  /** New connections lead to another server, as if a host name got another address. The others stay. */
  redirect: (port: number) => void;
  /** Adds these bytes to the next answer on each present connection, in one piece, and then closes it. */
  endWith: (bytes: Uint8Array) => void;
}

export async function startRelay(targetPort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const answers = new Map<Socket, Socket>();
  let isSilent = false;
  let accepted = 0;
  let serverPort = targetPort;
  const relay = createServer((client) => {
    keep(client);
    accepted++;
    if (isSilent) return;
    const server = keep(connect(serverPort, "127.0.0.1"));
    client.pipe(server).pipe(client);
    answers.set(server, client);
  });
  const keep = (socket: Socket) => {
    sockets.add(socket);
    return socket
      .on("error", () => {})
      .on("close", () => {
        sockets.delete(socket);
        answers.delete(socket);
      });
  };
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const address = relay.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  return {
    through: (url) => url.replace(`:${targetPort}/`, `:${port}/`),
    accepted: () => accepted,
    silence: () => {
      isSilent = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    mend: () => {
      isSilent = false;
    },
    redirect: (port) => {
      serverPort = port;
    },
    endWith: (bytes) => {
      for (const [server, client] of answers) {
        server.unpipe().once("data", (answer: Buffer) => client.end(Buffer.concat([answer, bytes])));
        server.resume();
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      relay.close();
      await once(relay, "close");
    },
  };
}
