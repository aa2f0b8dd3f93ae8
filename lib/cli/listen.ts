import { createApp } from "../app.ts";
import { isFixed } from "../pipeline/router.ts";
import { ROUTES } from "../routes.ts";
import type { Listener } from "../runtime/runtime.ts";
import { removeStaleSocket, unixPath } from "../runtime/unix-socket.ts";
import type { Services } from "../services.ts";
import type { Cli } from "./command.ts";

/** The setting of the operators' host and port. */
export const OPS = { host: "POSTERN_OPS_ADDRESS", port: "POSTERN_OPS_ADDRESS" };

export const FIXED_PATHS: readonly string[] = ROUTES.map(({ path }) => path).filter(isFixed);

/**
 * Starts the public listener, and the operators' own if POSTERN_OPS_ADDRESS is set.
 *
 * @returns the public listener first
 * @throws ListenError
 */
export async function openListeners({ runtime }: Cli, services: Services): Promise<Listener[]> {
  const { config, log } = services;
  const { opsAddress, idleTimeoutSeconds } = config;
  const path = unixPath(config.host);
  if (path !== null) await removeStaleSocket(path);
  const common = { idleTimeoutSeconds, paths: FIXED_PATHS, sharesPort: config.workers > 1 };
  const main = runtime.listen(createApp(services), { ...common, hostname: config.host, port: config.port });
  const url = path === null ? `${urlOf(config.host, main.port)}/` : config.host;
  if (opsAddress === null) {
    log("info", "listening", { url });
    return [main];
  }
  try {
    const operators = runtime.listen(createApp(services, "operators"), { ...common, ...opsAddress, settings: OPS });
    log("info", "ops_listening", { url: `${urlOf(opsAddress.hostname, operators.port)}/` });
    log("info", "listening", { url });
    return [main, operators];
  } catch (error) {
    await main.stop();
    throw error;
  }
}

/** The URL of a listener, without a final slash; for a Unix socket its HOST. */
export function urlOf(host: string, port: number): string {
  if (unixPath(host) !== null) return host;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
