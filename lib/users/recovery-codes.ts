import { encodeBase32LowerCaseNoPadding } from "@oslojs/encoding";
import type { User } from "../../db/users.ts";
import { hashToken } from "../crypto/token.ts";

/** How many a user gets. */
export const RECOVERY_CODES = 10;

/** 80 bits: too many to guess, so a fast hash is enough. In base32 they are 16 characters. */
const CODE_BYTES = 10;

/** Ten codes such as `abcd-efgh-ijkl-mnop`. They are shown once. */
export function generateRecoveryCodes(): string[] {
  return Array.from({ length: RECOVERY_CODES }, () => {
    const text = encodeBase32LowerCaseNoPadding(crypto.getRandomValues(new Uint8Array(CODE_BYTES)));
    return text.replace(/.{4}(?!$)/g, "$&-");
  });
}

/** The id under which a code is stored: a hash of it with its user. */
export function recoveryCodeId({ id }: Pick<User, "id">, code: string): string {
  return hashToken(`recovery code of ${id}: ${code}`);
}
