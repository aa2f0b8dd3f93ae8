import { setTimeout as delay } from "node:timers/promises";
import type { Listener } from "../runtime/runtime.ts";
import type { Services } from "../services.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** How long what was cut off may still hold the process up. */
const LAST_SECONDS = 1;

/** Resolves at the first signal to stop; the second one ends the process, whatever it is about. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isTold = false;
    const listener = () => {
      if (isTold) process.exit(1);
      isTold = true;
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, listener);
  });
}

/** Takes no more visitors, lets those inside finish for as long as a setting says, and sees to it that the process ends. */
export async function shutDown({ config, log, lifecycle }: Services, listeners: Listener[]): Promise<void> {
  lifecycle.isStopping = true;
  log("info", "stopping");
  await delay(config.shutdownDelaySeconds * 1000);
  // Operators are answered to the last.
  for (const listener of listeners) {
    const isDone = listener.stop().then(() => true);
    const isLate = delay(config.shutdownSeconds * 1000, false, { ref: false });
    if (await Promise.race([isDone, isLate])) continue;
    log("warning", "requests_cut_off", { remark: "What was under way took longer than POSTERN_SHUTDOWN_SECONDS." });
    listener.cut();
  }
  log("info", "stopped");
  setTimeout(() => process.exit(), LAST_SECONDS * 1000).unref();
}
