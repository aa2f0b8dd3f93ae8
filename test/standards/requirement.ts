/** A test that shows a requirement: its file under `test/` and its name there. `*` is a template's value. */
export interface Evidence {
  file: string;
  name: string;
}

/** A requirement of a standard, in our words, with the tests that show that it is met, or the reason why it is not claimed. */
export interface Requirement {
  id: string;
  about: string;
  /** Empty if it is not claimed. */
  tests: readonly Evidence[];
  /** Why it is not claimed, or the limits of the claim. Empty if there is nothing to add. */
  remark: string;
}

/** Met, and shown by one test. */
export function shown(id: string, about: string, file: string, name: string, remark = ""): Requirement {
  return shownBy(id, about, [[file, name]], remark);
}

/** Met, and shown by several tests together. */
export function shownBy(
  id: string,
  about: string,
  tests: readonly (readonly [file: string, name: string])[],
  remark = "",
): Requirement {
  return { id, about, tests: tests.map(([file, name]) => ({ file: `${file}.test.ts`, name })), remark };
}

/** Not claimed: not met, not shown by a test, or not ours to meet. */
export function unclaimed(id: string, about: string, remark: string): Requirement {
  return { id, about, tests: [], remark };
}
