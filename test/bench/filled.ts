import { join } from "node:path";
import { generateToken } from "../../lib/crypto/token.ts";
import { preparePostern } from "./contestants.ts";
import { type Contents, fill } from "./fill.ts";
import { KNOWN } from "./rows.ts";
import { type Server, startServer, withCookies } from "./server.ts";
import type { Stage } from "./stage.ts";

/** Of sessions that the requests know. */
const TOKENS = Array.from({ length: KNOWN }, generateToken);

/** Starts Postern on a filled SQLite file. Its profiles have the cookies of `known` more sessions in turn. */
export async function startFilled(
  stage: Stage,
  title: string,
  { known, ...contents }: Omit<Contents, "tokens"> & { known: number },
  settings: Record<string, string> = {},
): Promise<{ server: Server; file: string }> {
  const recipe = await preparePostern(stage, undefined, settings);
  const file = join(recipe.program(0).folder, "postern.db");
  const tokens = TOKENS.slice(0, known);
  fill(file, { ...contents, tokens });
  const server = await startServer(stage, { name: "sqlite", title, hasLogin: true }, recipe);
  const cookies = tokens.map((token) => `sessionid=${token}`);
  return { server: withCookies(server, cookies), file };
}
