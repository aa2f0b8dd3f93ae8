/**
 * ` Did you mean …?` to append to a sentence about a misspelt name. Empty if no known name is close: at most one error in
 * three characters, and at most three errors.
 *
 * @param prefix many names begin with it; it does not count
 */
export function didYouMean(typed: string, known: readonly string[], prefix = ""): string {
  const bare = (name: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const maxErrors = Math.min(3, Math.floor(bare(typed).length / 3));
  const [best] = known
    .map((name) => ({ name, errors: distance(bare(typed), bare(name)) }))
    .sort((one, other) => one.errors - other.errors);
  return best !== undefined && best.errors <= maxErrors ? ` Did you mean ${best.name}?` : "";
}

/**
 * The Damerau-Levenshtein distance, as optimal string alignment: how many characters to insert, delete, replace, or
 * exchange with the next one.
 */
function distance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const isExchanged = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const steps = [at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + (isSame ? 0 : 1)];
      if (isExchanged) steps.push(at(beforeLast, column - 2) + 1);
      next.push(Math.min(...steps));
    }
    [beforeLast, last] = [last, next];
  }
  return at(last, other.length);
}

function at(row: number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
