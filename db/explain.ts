import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { codeOf, DatabaseError, messageOf } from "./error.ts";
import { isDamage } from "./outage.ts";

const { R_OK, W_OK, X_OK } = constants;

/** https://man7.org/linux/man-pages/man3/errno.3.html: errors with the same explanation for every file. */
const SYSTEM_ERRORS: Record<string, string> = {
  EMFILE: "too many files are open. Raise the limit of open files (ulimit -n)",
  ENFILE: "too many files are open on this machine",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EIO: "the disk fails (EIO)",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "a symbolic link leads to itself, or replaced the file",
};

/** @returns a clause without a final full stop; null for any other error */
export function explainSystemError(error: unknown): string | null {
  if (codeOf(error) === "ENOENT" && String(error).includes("cwd")) return "the working directory was deleted";
  return SYSTEM_ERRORS[codeOf(error)] ?? null;
}

/** False if this user may not search the folder. */
export function isMissing(path: string): boolean {
  return attempt(() => statSync(path, { throwIfNoEntry: false })) === undefined;
}

/** Says why a file cannot be created in the folder. */
export function explainFolder(folder: string, error: unknown): string {
  if (error instanceof DatabaseError) return error.message;
  const problem = explainSystemError(error) ?? findFolderProblem(folder);
  return problem ?? messageOf(error);
}

/** Says why the file cannot be read. */
export function explainUnreadable(path: string, error: unknown): string {
  const code = codeOf(error);
  if (code !== "EACCES") return explainSystemError(error) ?? messageOf(error);
  const isHidden = typeof attempt(() => lstatSync(path)) === "string";
  return isHidden ? explainStat(dirname(path), code) : "this user may not read it";
}

/** Says why the database file cannot be opened, and what to do. */
export function explainDatabase(path: string, error: unknown): string {
  const message = messageOf(error);
  if (path === ":memory:" || error instanceof DatabaseError) return message;
  if (isDamage(error)) return `${message}. ${REMEDY(path)}`;
  return explainSystemError(error) ?? findFileProblem(path) ?? message;
}

/** @returns a sentence without a final full stop */
export const REMEDY = (path: string) =>
  `Restore a backup, or save what is left: sqlite3 ${path} .recover | sqlite3 recovered.db`;

function findFileProblem(path: string): string | null {
  const folder = dirname(path);
  const entry = attempt(() => lstatSync(path));
  if (typeof entry === "string") return entry === "ENOENT" ? findFolderProblem(folder) : explainStat(folder, entry);
  const file = attempt(() => statSync(path));
  if (typeof file !== "string" && file.isDirectory()) return "it is a folder";
  if (typeof file !== "string" && !file.isFile()) return "it is not a file";
  for (const [mode, verb] of [
    [R_OK, "read"],
    [W_OK, "write"],
  ] as const) {
    const code = attempt(() => accessSync(path, mode));
    if (typeof code === "string") return `this user may not ${verb} it. Run as its owner, or change its owner`;
  }
  const problem = findFolderProblem(folder);
  return problem === null ? null : `${problem}, and SQLite creates its log there, beside the database`;
}

function findFolderProblem(folder: string): string | null {
  const entry = attempt(() => statSync(folder));
  if (typeof entry === "string") return explainStat(folder, entry);
  if (!entry.isDirectory()) return `${folder} is not a folder`;
  const code = attempt(() => accessSync(folder, W_OK | X_OK));
  if (typeof code !== "string") return null;
  if (code === "EROFS") return `the folder ${resolve(folder)} is on a read-only file system`;
  return `this user may not write the folder ${resolve(folder)}`;
}

function explainStat(folder: string, code: string): string {
  if (code === "ENOENT") return `the folder ${folder} does not exist`;
  if (code === "ENOTDIR") return `${folder} is not a folder`;
  if (code === "EACCES") return `this user may not search the folder ${resolve(folder)}, or one above it`;
  return SYSTEM_ERRORS[code] ?? `the folder ${folder} cannot be read (${code})`;
}

/** @returns the result, or the code of the error */
function attempt<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    return codeOf(error);
  }
}
