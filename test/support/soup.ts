import * as fc from "fast-check";

const [FIRST_SURROGATE, SURROGATES] = [0xd800, 0x800];

const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

const codePoint = fc
  .integer({ min: 0, max: 0x10ffff - SURROGATES })
  .map((code) => String.fromCodePoint(code < FIRST_SURROGATE ? code : code + SURROGATES));

/** Like `fc.string({ unit: "binary" })`, which first makes a table of all 1.1 million code points. */
export function characters(maxLength = 10): fc.Arbitrary<string> {
  return fc.array(codePoint, { maxLength }).map((units) => units.join(""));
}

/** Any text, including lone surrogates, and text made of the pieces of a format. */
export function soup(...pieces: string[]): fc.Arbitrary<string> {
  const spoonful = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces) },
    { weight: 1, arbitrary: codeUnit },
    { weight: 1, arbitrary: characters(3) },
  );
  const cooked = fc.array(spoonful, { maxLength: 40, size: "max" }).map((pieces) => pieces.join(""));
  return fc.oneof({ weight: 1, arbitrary: fc.string({ unit: codeUnit }) }, { weight: 4, arbitrary: cooked });
}

/** The same as bytes: UTF-8, with other bytes in between. */
export function byteSoup(...pieces: string[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const part = fc.oneof(
    { weight: 4, arbitrary: soup(...pieces).map((text) => [...new TextEncoder().encode(text)]) },
    { weight: 1, arbitrary: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 8 }) },
  );
  return fc.array(part, { maxLength: 3 }).map((parts) => Uint8Array.from(parts.flat()));
}

/** The text of a value: whole characters without these. */
export function textWithout(...forbidden: string[]): fc.Arbitrary<string> {
  const unit = fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }), fc.string({ maxLength: 1 }));
  return fc
    .array(unit, { maxLength: 12 })
    .map((units) => units.filter((unit) => !forbidden.some((piece) => unit.includes(piece))).join(""));
}

/** A token of RFC 9110 §5.6.2 in lower case, without `*` and `'`, which have a meaning in a parameter's name. */
export const token: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789!#$%&+-.^_`|~"),
  minLength: 1,
  maxLength: 12,
});

/** 64 KiB, the most that a parser gets. */
export const KIB_64 = 65_536;
