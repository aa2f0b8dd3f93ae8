import { setTimeout as delay } from "node:timers/promises";
import type { Listener } from "../runtime/runtime.ts";
import type { Services } from "../services.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** After its work has ended, the process ends within this time. */
const LAST_SECONDS = 1;

/** Resolves at the first signal to stop. The second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const listener = () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, listener);
  });
}

/** Accepts no more requests, and waits POSTERN_SHUTDOWN_SECONDS for those in flight. */
export async function shutDown({ config, log, lifecycle }: Services, listeners: Listener[]): Promise<void> {
  lifecycle.isStopping = true;
  log("info", "stopping");
  await delay(config.shutdownDelaySeconds * 1000);
  // The operators' listener stops last.
  for (const listener of listeners) {
    const isDone = listener.stop().then(() => true);
    const isLate = delay(config.shutdownSeconds * 1000, false, { ref: false });
    if (await Promise.race([isDone, isLate])) continue;
    log("warning", "requests_cut_off", { remark: "Requests took longer than POSTERN_SHUTDOWN_SECONDS." });
    listener.cut();
  }
}

/** Ends the process soon: its work is done. */
export function end({ log }: Services): void {
  log("info", "stopped");
  setTimeout(() => process.exit(), LAST_SECONDS * 1000).unref();
}
