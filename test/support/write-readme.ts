import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./process.ts";
import { DOCUMENTS, fillTables } from "./readme.ts";

// `bun run readme`: makes the generated tables of the documents again.
for (const path of DOCUMENTS) {
  const document = readFileSync(join(ROOT, path), "utf8");
  const filled = fillTables(document);
  if (filled !== document) writeFileSync(join(ROOT, path), filled);
}
