import { writeFileSync } from "node:fs";
import { makeFilterText, readCommonPasswords } from "./common-passwords.ts";

// `bun run passwords`: makes the list of common passwords again. The server accepts none of them as a new password.
writeFileSync("lib/passwords/common-passwords.txt", makeFilterText(readCommonPasswords()));
