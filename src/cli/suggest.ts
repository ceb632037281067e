/** "Did you mean …?" */

/** Single letters that have to be added, removed, replaced or swapped to make one word the other. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** `; did you mean X?` for the known word that a given one is most like; nothing where none is. */
export function didYouMean(given: string, known: readonly string[]): string {
  const near = known
    .map((word) => ({ word, far: word.startsWith(given) && given.length > 1 ? 0 : distance(given, word) }))
    .filter(({ word, far }) => far <= Math.max(1, Math.floor(word.replace(/^-+/, "").length / 3)))
    .sort((a, b) => a.far - b.far);
  return near[0] === undefined ? "" : `; did you mean ${near[0].word}?`;
}
