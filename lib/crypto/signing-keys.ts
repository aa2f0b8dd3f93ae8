import { createHash, createPrivateKey } from "node:crypto";

/** An Ed25519 key as a JSON Web Key (RFC 8037 §2), with the name under which assertions and the key set have it. */
export interface PublicKey {
  kty: "OKP";
  crv: "Ed25519";
  /** The public key in base64url. */
  x: string;
  kid: string;
  use: "sig";
  alg: "EdDSA";
}

export interface SigningKeys {
  /** The first key signs. `d` is the secret part. */
  signing: PublicKey & { d: string };
  /** Every key, so that what an older one signed still verifies. */
  published: readonly PublicKey[];
}

/** PKCS #8 of an Ed25519 key up to the 32 bytes of its seed (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** @param seeds of 32 bytes each */
export function deriveSigningKeys(seeds: readonly Uint8Array[]): SigningKeys {
  const keys = seeds.map(readKey);
  const [signing] = keys;
  if (signing === undefined) throw new Error("no secret key");
  return { signing, published: keys.map(({ d: _, ...published }) => published) };
}

function readKey(seed: Uint8Array): PublicKey & { d: string } {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: "der", type: "pkcs8" });
  const { x = "", d = "" } = key.export({ format: "jwk" });
  return { kty: "OKP", crv: "Ed25519", x, d, kid: thumbprint(x), use: "sig", alg: "EdDSA" };
}

/** RFC 7638 §3 and RFC 8037 §2: the required members, in alphabetical order. */
function thumbprint(x: string): string {
  return createHash("sha256")
    .update(JSON.stringify({ crv: "Ed25519", kty: "OKP", x }))
    .digest("base64url");
}
