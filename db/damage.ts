/** Whether SQLite says that the file is damaged or not a database. */
export const isDamage = (error: unknown) =>
  hasCode(error, /^SQLITE_(CORRUPT|NOTADB)/, [11, 26]) || (error instanceof Error && DAMAGE.test(error.message));

/** On Deno, errors of `exec` have no number. */
const DAMAGE = /^(file is not a database|database disk image is malformed)/;

/** https://www.sqlite.org/rescode.html: Bun gives the names, Node and Deno the numbers. */
function hasCode(error: unknown, names: RegExp, numbers: number[]): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return names.test(code) || ("errcode" in error && numbers.includes(Number(error.errcode) & 0xff));
}
