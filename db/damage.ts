/** Whether an error says that a file is no SQLite database, or a damaged one. */
export const isDamage = (error: unknown) =>
  hasCode(error, /^SQLITE_(CORRUPT|NOTADB)/, [11, 26]) || (error instanceof Error && DAMAGE.test(error.message));

/** What Deno's `exec` throws has no number. */
const DAMAGE = /^(file is not a database|database disk image is malformed)/;

/** https://www.sqlite.org/rescode.html: as Bun names them, and as Node and Deno number them. */
function hasCode(error: unknown, names: RegExp, numbers: number[]): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return names.test(code) || ("errcode" in error && numbers.includes(Number(error.errcode) & 0xff));
}
