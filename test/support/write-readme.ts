import { readFileSync, writeFileSync } from "node:fs";
import { fillReadme } from "./readme.ts";

// `bun run readme`: makes the README's tables anew.
writeFileSync("README.md", fillReadme(readFileSync("README.md", "utf8")));
