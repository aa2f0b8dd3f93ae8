/** A requirement of a standard, in our words, and what shows that it is met, or why that is not claimed. */
export interface Requirement {
  id: string;
  about: string;
  /** A test's file under `test/` and its name as it stands there, `*` for what a template fills in. */
  test: { file: string; name: string } | null;
  /** Why it is not claimed, or what of it is not; empty where there is nothing to add. */
  remark: string;
}

/** Met, and shown by a test. */
export function shown(id: string, about: string, file: string, name: string, remark = ""): Requirement {
  return { id, about, test: { file: `${file}.test.ts`, name }, remark };
}

/** Not claimed: not met, not shown by a test, or not ours to meet. */
export function unclaimed(id: string, about: string, remark: string): Requirement {
  return { id, about, test: null, remark };
}
