/** The parts of a Markdown document that can be checked: headings, links, code spans and code blocks. */

/** Code between fences. */
export interface CodeBlock {
  /** What stands behind the opening fence, such as `ts`. */
  readonly language: string;
  readonly code: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** What the HTML comment right before it says, without `<!--` and `-->`. */
  readonly comment: string | undefined;
  /** A `text` block right behind it, at most the word "prints" between: what the code prints. */
  readonly output: string | undefined;
}

/** Something that stands on a line. */
export interface Found {
  readonly text: string;
  readonly line: number;
}

/** What a document holds. */
export interface Markdown {
  readonly blocks: readonly CodeBlock[];
  /** Targets of links and images. */
  readonly links: readonly Found[];
  /** Code spans outside of code blocks. */
  readonly spans: readonly Found[];
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

/** Reads a document. */
export function parseMarkdown(text: string): Markdown {
  const lines = text.split("\n");
  const raw: { language: string; code: string; from: number; to: number }[] = [];
  const links: Found[] = [];
  const spans: Found[] = [];
  const anchors = new Set<string>();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const fence = /^(`{3,}|~{3,})(.*)$/.exec(line);
    if (fence !== null) {
      const from = i;
      const end = lines.findIndex((each, at) => at > from && each.trimEnd() === fence[1]);
      i = end < 0 ? lines.length : end;
      const code = lines.slice(from + 1, i).map((each) => `${each}\n`);
      raw.push({ language: fence[2]!.trim(), code: code.join(""), from, to: i });
      continue;
    }
    const heading = /^#{1,6} +(.+?) *#*$/.exec(line);
    if (heading !== null) anchors.add(unusedAnchor(anchors, heading[1]!));
    const prose = line.replace(/(`+)(.+?)\1/g, (_, __, span: string) => {
      spans.push({ text: span.trim(), line: i + 1 });
      return "x";
    });
    for (const [, target] of prose.matchAll(/\]\(<?([^)>\s]*)>?(?:\s+"[^"]*")?\)/g))
      links.push({ text: target!, line: i + 1 });
    for (const [, target] of prose.matchAll(/^\[[^\]]+\]:\s+(\S+)/g))
      links.push({ text: target!, line: i + 1 });
  }
  const blocks = raw.map(({ language, code, from, to }, at): CodeBlock => {
    const next = raw[at + 1];
    const between =
      next === undefined
        ? ""
        : lines
            .slice(to + 1, next.from)
            .join("")
            .trim();
    const prints = next?.language === "text" && (between === "" || between === "prints");
    return {
      language,
      code,
      line: from + 1,
      comment: commentBefore(lines, from),
      output: prints ? next.code : undefined,
    };
  });
  return { blocks, links, spans, anchors };
}

/** As GitHub makes them: lower case, no punctuation, hyphens for spaces, a number for what was there before. */
export function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

function unusedAnchor(taken: ReadonlySet<string>, heading: string): string {
  const anchor = anchorOf(heading);
  let unused = anchor;
  for (let n = 1; taken.has(unused); n++) unused = `${anchor}-${n}`;
  return unused;
}

function commentBefore(lines: readonly string[], fence: number): string | undefined {
  let at = fence - 1;
  while (at >= 0 && lines[at]!.trim() === "") at--;
  return /^<!-- (.+) -->$/.exec(lines[at]?.trim() ?? "")?.[1];
}
