import { createCipheriv, createDecipheriv } from "node:crypto";

/** NIST SP 800-38D §5.2.1.1 recommends 96 bits for GCM. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts with the first secret key, decrypts with all of them. */
export interface SealKey {
  /**
   * AES-256-GCM (NIST SP 800-38D), with a random nonce.
   *
   * @param owner the identity of the row: a sealed text that is moved to another row does not open
   * @returns `name.text`: the name of the key, and nonce, ciphertext and tag in base64url
   */
  seal: (secret: Uint8Array, owner: string) => string;
  /** @returns null if no secret key opens it: the key is lost, or the text or its owner is another one */
  open: (sealed: string, owner: string) => Uint8Array | null;
  /** Whether a secret key has the name in the sealed text. Does not open it. */
  knows: (sealed: string) => boolean;
  /** Whether the first secret key has the name in the sealed text. */
  isCurrent: (sealed: string) => boolean;
  /** Whether there are secret keys behind the first one. */
  hasOldKeys: boolean;
}

/** @param keys of 32 bytes each, the current one first */
export function createSealKey(keys: readonly { name: string; key: Uint8Array }[]): SealKey {
  const [current] = keys;
  if (current === undefined) throw new Error("no secret key");
  const hasName = (sealed: string) => (key: { name: string }) => sealed.startsWith(`${key.name}.`);
  return {
    seal: (secret, owner) => `${current.name}.${encrypt(current.key, secret, owner).toString("base64url")}`,
    open: (sealed, owner) => {
      const body = Buffer.from(sealed.slice(sealed.indexOf(".") + 1), "base64url");
      for (const { key } of keys.filter(hasName(sealed))) {
        const opened = decrypt(key, body, owner);
        if (opened !== null) return opened;
      }
      return null;
    },
    knows: (sealed) => keys.some(hasName(sealed)),
    isCurrent: (sealed) => hasName(sealed)(current),
    hasOldKeys: keys.length > 1,
  };
}

function encrypt(key: Uint8Array, secret: Uint8Array, owner: string): Buffer {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(owner));
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, body: Buffer, owner: string): Uint8Array | null {
  if (body.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(owner)).setAuthTag(body.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null; // The tag is wrong.
  }
}
