import { writeFileSync } from "node:fs";
import { makeFilterText, readCommonPasswords } from "./common-passwords.ts";

// `bun run passwords`: makes the list of common passwords anew, which the server refuses where one is set.
writeFileSync("lib/passwords/common-passwords.txt", makeFilterText(readCommonPasswords()));
