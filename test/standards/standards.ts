import { FRONT_END } from "./front-end.ts";
import { LOGGING } from "./logging.ts";
import { NIST } from "./nist.ts";
import { PASSWORDS } from "./passwords.ts";
import type { Requirement } from "./requirement.ts";
import { SESSIONS } from "./sessions.ts";

/** Every requirement of these chapters of two standards: claimed with the tests that show it, or not claimed with a reason. */
export const STANDARDS: readonly { name: string; requirements: readonly Requirement[] }[] = [
  { name: "ASVS 5.0 V3", requirements: FRONT_END },
  { name: "ASVS 5.0 V6.2, V6.3", requirements: PASSWORDS },
  { name: "ASVS 5.0 V7", requirements: SESSIONS },
  { name: "ASVS 5.0 V16", requirements: LOGGING },
  { name: "NIST SP 800-63B-4 §3.1.1, §3.2.2, §5", requirements: NIST },
];
