import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** The points at which a server answers. `body`: the final dot of a mail. */
export type Stage = "greeting" | "EHLO" | "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "body" | "RSET";

/** A reply, without the line end; `hang`: never one; `drip`: one that never ends; `close`: the connection is closed. */
export type Step = string | "hang" | "drip" | "close";

const DRIP_MS = 20;

const ANSWERS: Record<Stage, Step> = {
  greeting: "220 scripted.test ESMTP",
  EHLO: "250-scripted.test\r\n250 AUTH PLAIN",
  STARTTLS: "220 go on",
  AUTH: "235 welcome",
  MAIL: "250 sender ok",
  RCPT: "250 recipient ok",
  DATA: "354 go on",
  body: "250 taken",
  RSET: "250 reset",
};

export interface ScriptedMailServer extends AsyncDisposable {
  port: number;
  /** The stages so far. */
  stages: Stage[];
}

/** A mail server with the answers of a test: one for each time that a stage is reached, and the last one for the rest. */
export async function scriptMailServer(script: Partial<Record<Stage, Step | Step[]>>): Promise<ScriptedMailServer> {
  const sockets = new Set<Socket>();
  const stages: Stage[] = [];
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    void talk(socket, (stage) => {
      stages.push(stage);
      const steps = [script[stage] ?? ANSWERS[stage]].flat();
      const times = stages.filter((one) => one === stage).length;
      return steps[Math.min(times, steps.length) - 1] ?? "close";
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // It listens on an address, not on a pipe.
  return {
    port,
    stages,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function talk(socket: Socket, answer: (stage: Stage) => Step): Promise<void> {
  const reply = (stage: Stage): boolean => {
    const step = answer(stage);
    if (step === "close") socket.destroy();
    else if (step === "drip") drip(socket);
    else if (step !== "hang") socket.write(`${step}\r\n`);
    return step.startsWith("3");
  };
  reply("greeting");
  let isBody = false;
  for await (const line of createInterface({ input: socket })) {
    if (isBody) {
      if (line !== ".") continue;
      isBody = false;
      reply("body");
    } else {
      isBody = reply(stageOf(line)) && line === "DATA";
    }
  }
}

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write("2"), DRIP_MS);
  socket.on("close", () => clearInterval(timer));
}

function stageOf(line: string): Stage {
  const [word = ""] = line.split(/[ :]/, 1);
  return (Object.keys(ANSWERS) as Stage[]).find((stage) => stage === word) ?? "RSET";
}
