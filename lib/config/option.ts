/** A setting. */
export interface Option<T> {
  /** The environment variable. */
  name: string;
  /** The text that counts if the variable is unset; null if the value is then null. */
  default: string | null;
  /** Null if the text is invalid. */
  parse: (text: string) => T | null;
  /** Completes the sentence "expected …". */
  expected: string;
  /** Its text may hold a password, so error messages do not repeat it. */
  isSecret?: true;
  about: string;
}
