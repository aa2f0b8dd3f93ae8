/**
 * The distance of two samples from the same distribution: the Mann–Whitney U of their ranks minus its mean, in standard
 * deviations, corrected for ties (Mann and Whitney 1947; Lehmann, Nonparametrics, §1.5).
 */
export function rankScore(some: readonly number[], others: readonly number[]): number {
  const all = [...some.map((value) => ({ value, isSome: true })), ...others.map((value) => ({ value, isSome: false }))];
  all.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let at = 0; at < all.length; ) {
    let end = at;
    while (end < all.length && all[end]?.value === all[at]?.value) end++;
    const rank = (at + 1 + end) / 2;
    for (const { isSome } of all.slice(at, end)) if (isSome) rankSum += rank;
    ties += (end - at) ** 3 - (end - at);
    at = end;
  }
  const [m, n, total] = [some.length, others.length, all.length];
  const u = rankSum - (m * (m + 1)) / 2;
  const variance = ((m * n) / 12) * (total + 1 - ties / (total * (total - 1)));
  return (u - (m * n) / 2) / Math.sqrt(variance);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
