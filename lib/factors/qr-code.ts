import { encode } from "uqr";

/** The modules of a QR code, without its quiet zone: true for a dark one. */
export function qrModules(text: string): boolean[][] {
  return encode(text, { ecc: "L", border: 0 }).data;
}
