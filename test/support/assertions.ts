import { generateKeyPair, importJWK, SignJWT } from "jose";
import { TEST_KEYS } from "./secret-key.ts";

export interface Assertions {
  valid: string;
  /** Each differs from a valid one in one way, by which it is named. */
  invalid: Record<string, string>;
}

/** Assertions for an application behind a Postern with the TEST_SECRET_KEY. */
export async function createAssertions(issuer: string, audience: string): Promise<Assertions> {
  const { signing } = TEST_KEYS.assertion;
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    aud: audience,
    sub: "7",
    preferred_username: "alice",
    email: "alice@example.com",
    groups: ["writers"],
    iat: seconds,
    exp: seconds + 60,
  };
  const own = await importJWK(signing, signing.alg);
  const sign = (changes: Record<string, unknown>, header = {}, key: Parameters<SignJWT["sign"]>[0] = own) =>
    new SignJWT({ ...claims, ...changes })
      .setProtectedHeader({ alg: signing.alg, kid: signing.kid, ...header })
      .sign(key);
  const { privateKey } = await generateKeyPair("EdDSA");
  const valid = await sign({});
  const [header = "", payload = "", signature = ""] = valid.split(".");
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return {
    valid,
    invalid: {
      nothing: "",
      "text that is no token": "é.~.x",
      "a token without a payload": `${header}.${signature}`,
      "two tokens": `${valid},${valid}`,
      "another audience": await sign({ aud: "https://other.test" }),
      "an audience with a slash": await sign({ aud: `${audience}/` }),
      "another issuer": await sign({ iss: "https://other.test" }),
      "an expired token": await sign({ iat: seconds - 72, exp: seconds - 12 }),
      "no expiry": await sign({ exp: undefined }),
      "no audience": await sign({ aud: undefined }),
      "no issuer": await sign({ iss: undefined }),
      "no subject": await sign({ sub: undefined }),
      "another key with the name of Postern's": await sign({}, {}, privateKey),
      "a key that Postern does not have": await sign({}, { kid: "other" }, privateKey),
      "the public key as a secret": await sign({}, { alg: "HS256" }, Buffer.from(signing.x, "base64url")),
      "the algorithm none": `${encode({ alg: "none", kid: signing.kid })}.${payload}.`,
      "no signature": `${header}.${payload}.`,
      "another user under an old signature": `${header}.${encode({ ...claims, preferred_username: "admin" })}.${signature}`,
    },
  };
}
