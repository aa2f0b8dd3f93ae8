/** The default of Django's UserAttributeSimilarityValidator. */
const MAX_SIMILARITY = 0.7;

/** Whether a password is too similar to a name or to a part of it, by the rule of UserAttributeSimilarityValidator. */
export function isSimilar(password: string, name: string): boolean {
  const letters = [...password.toLowerCase()];
  // Python's \W+: letters and numbers of any script, and the underscore, are parts of a word.
  const parts = [...name.toLowerCase().split(/[^\p{L}\p{N}_]+/u), name.toLowerCase()].map((part) => [...part]);
  return parts.some((part) => !isFarShorter(part, letters) && quickRatio(letters, part) >= MAX_SIMILARITY);
}

/** Django's `exceeds_maximum_length_ratio`: a part this short, or empty, cannot be similar. */
function isFarShorter(part: string[], password: string[]): boolean {
  return password.length >= 10 * part.length && part.length < (MAX_SIMILARITY / 2) * password.length;
}

/** `SequenceMatcher.quick_ratio` of Python's difflib: the share of common letters, from 0 to 1, in any order. */
function quickRatio(a: string[], b: string[]): number {
  const left = new Map<string, number>();
  for (const letter of b) left.set(letter, (left.get(letter) ?? 0) + 1);
  let common = 0;
  for (const letter of a) {
    const count = left.get(letter) ?? 0;
    if (count > 0) common++;
    left.set(letter, count - 1);
  }
  return (2 * common) / (a.length + b.length);
}
