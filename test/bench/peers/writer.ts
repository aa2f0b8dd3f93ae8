import { Database } from "bun:sqlite";

// `bun writer.ts FILE`: another process that commits to Postern's file 100 times a second, each time to the disk. At
// SIGTERM it prints how many times a second it did.

const COMMITS_A_SECOND = 100;

const database = new Database(process.argv[2]);
database.run("pragma busy_timeout = 5000");
database.run("pragma synchronous = full");
const commit = database.query("update sessions set last_seen_at = ? where id = (select min(id) from sessions)");

const startedAt = performance.now();
let commits = 0;

setInterval(() => {
  // If the timer was late, more than one is due.
  for (const due = ((performance.now() - startedAt) / 1000) * COMMITS_A_SECOND; commits < due; commits++) {
    commit.run(Date.now());
  }
}, 1000 / COMMITS_A_SECOND);

process.on("SIGTERM", () => {
  process.stderr.write(String(commits / ((performance.now() - startedAt) / 1000)));
  process.exit();
});
