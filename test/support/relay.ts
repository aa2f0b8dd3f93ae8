import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and a server, and can act the network that broke. */
export interface Relay extends AsyncDisposable {
  /** The URL of a server behind it, as who is to come by the relay writes it. */
  through: (url: string) => string;
  /** From now on nothing passes on the connections there are, and nobody is told: a cable that was pulled. */
  silence: () => void;
  /** Whether connections made from now on pass. The silenced ones stay as they are. */
  mend: () => void;
  /** Connections made from now on lead to another server, as when a host name gets another address. The others stay. */
  redirect: (port: number) => void;
  /** The next answer on any connection there is comes with these bytes behind it, in one piece, and then the end. */
  endWith: (bytes: Uint8Array) => void;
}

export async function startRelay(targetPort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const answers = new Map<Socket, Socket>();
  let isSilent = false;
  let serverPort = targetPort;
  const relay = createServer((client) => {
    keep(client);
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
