// The recorded exchanges of test/fixtures/drf, as its README describes them.

export interface Recording {
  results: Record<string, RecordedCase>;
}

export interface RecordedCase {
  group: string;
  name: string;
  steps: RecordedStep[];
}

export type RecordedStep =
  | { request: RecordedRequest; response: RecordedResponse | { failure: string } }
  | { hook: [command: string, user: string, ...more: string[]]; printed?: string }
  | { fact: Record<string, unknown> };

export interface RecordedRequest {
  method: string;
  target: string;
  version: string;
  headers: [name: string, value: string][];
  body?: string;
  host?: "absent";
}

export interface RecordedResponse {
  status: number;
  reason: string;
  headers: Record<string, string>;
  cookies: Record<string, RecordedCookie>;
  body: { kind: "empty" } | { kind: "text"; text: string };
  head_length?: number;
}

export interface RecordedCookie {
  /** Of csrftoken: the name of the token and of the secret behind it. */
  token?: string;
  secret?: string;
  /** Of sessionid: the name of the key. */
  value?: string;
  deleted: boolean;
  spelling: string;
}

export interface FixtureUser {
  username: string;
  password: string;
  firstName: string;
  lastName: string;
  email: string;
}

/** The users each case begins with. `inactive` is deactivated and `nopass` has an unusable password. */
export const FIXTURE_USERS: FixtureUser[] = [
  user("guguweb", "mysecret", "Augusto", "Destrero", "augusto@example.com"),
  user("second", "secondpw"),
  user("inactive", "inactivepw", "In", "Active", "inactive@example.com"),
  user("жанна", "пароль-密码-🔑", "Жанна", "Ünïcødé\u2028<b>&\"'/\\", "zhanna@example.com"),
  user("jos\u00e9", "caf\u00e9", "José", "Normal", "jose@example.com"),
  user("spacey", "  spaced pw  ", "Spa", "Cey", "spacey@example.com"),
  user("12345", "67890", "Num", "Eric", "num@example.com"),
  user("1.0", "1.5", "Flo", "At", "float@example.com"),
  user("nopass", "unusable", "No", "Pass", "nopass@example.com"),
];

function user(username: string, password: string, firstName = "", lastName = "", email = ""): FixtureUser {
  return { username, password, firstName, lastName, email };
}

/** The bodies that the recording holds as length and SHA-1 only. */
const LONG_BODIES: Record<string, () => string> = {
  f123c3a82707170d53a9703377a7165c620d39b7: () => `{"username":"guguweb","password":"${"p".repeat(4097)}"}`,
  "2a9a5bbefbb33f3a76823ab1f2570741e4d44455": () => `{"username":"guguweb","password":"${"p".repeat(100_000)}"}`,
  "5427f1aa29cdd4028efad549f0e5829d5dffa020": () => `{"username":${"9".repeat(5000)},"password":"x"}`,
  df03256fef8541647ecc59cf11e9bbf153f3acef: () => `username=guguweb&password=mysecret&x=${"x".repeat(3_000_000)}`,
};

export function bodyBytes(body: string): Uint8Array {
  const sha1 = /^\d+ bytes, sha1 (\w+)$/.exec(body)?.[1];
  if (sha1 !== undefined) {
    const make = LONG_BODIES[sha1];
    if (make === undefined) throw new Error(`No body is known for ${body}`);
    return new TextEncoder().encode(make());
  }
  if (body.startsWith("base64:")) return Uint8Array.from(atob(body.slice(7)), (character) => character.charCodeAt(0));
  return new TextEncoder().encode(body);
}

/** Django's masked form of a CSRF secret (its `_mask_cipher_secret`), with a mask of one repeated character. */
export function maskSecret(secret: string, maskCharacter: string): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const shift = alphabet.indexOf(maskCharacter);
  const cipher = [...secret].map((character) => alphabet[(alphabet.indexOf(character) + shift) % alphabet.length]);
  return maskCharacter.repeat(secret.length) + cipher.join("");
}
