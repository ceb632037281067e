/** What the demo's worker does: facts about a text, all of them counted. */

/** The facts. */
export interface TextSummary {
  readonly characters: number;
  readonly words: number;
  readonly lines: number;
  /** The three longest lines: where they are, how long, how they begin. */
  readonly longestLines: readonly {
    readonly line: number;
    readonly characters: number;
    readonly start: string;
  }[];
  /** The eight most frequent words of four letters and more. */
  readonly topWords: readonly { readonly word: string; readonly count: number }[];
}

/** Counts characters, words and lines, and finds the longest lines and the most frequent words. */
export function summarize(text: string): TextSummary {
  const lines = text.replace(/\n$/, "").split("\n");
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  const counts = new Map<string, number>();
  for (const word of words) {
    if (word.length < 4) continue;
    const folded = word.toLowerCase();
    counts.set(folded, (counts.get(folded) ?? 0) + 1);
  }
  return {
    characters: [...text].length,
    words: words.length,
    lines: lines.length,
    longestLines: lines
      .map((content, i) => ({
        line: i + 1,
        characters: [...content].length,
        start: content.trim().slice(0, 48),
      }))
      .sort((a, b) => b.characters - a.characters || a.line - b.line)
      .slice(0, 3),
    topWords: [...counts]
      .map(([word, count]) => ({ word, count }))
      .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
      .slice(0, 8),
  };
}
