/** What people read in a file: the prose of a document; the comments and messages of a program. */
import ts from "typescript";

/** A piece of text and where it starts. */
export interface Prose {
  readonly start: number;
  readonly content: string;
}

/** All prose of a file. */
export function proseOf(file: string, text: string): Prose[] {
  return file.endsWith(".md") ? ofDocument(text) : ofProgram(file, text);
}

/** Code keeps its length, so that lines stay right. */
function ofDocument(text: string): Prose[] {
  const blank = (piece: string): string => piece.replace(/[^\n]/g, " ");
  const code = [/^( *)(```+)[\s\S]*?^\1\2/gm, /`[^`\n]+`/g, /\S+\/\S+\.ts\b/g]; // and paths of sources
  return [{ start: 0, content: code.reduce((rest, pattern) => rest.replace(pattern, blank), text) }];
}

function ofProgram(file: string, text: string): Prose[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found = new Map<number, string>();
  const visit = (node: ts.Node): void => {
    const comments = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of comments) found.set(pos, withoutCode(text.slice(pos, end)));
    if (isMessage(node)) found.set(node.getStart(), withoutCode(node.getText()));
    for (const child of node.getChildren()) visit(child);
  };
  visit(source);
  return [...found].map(([start, content]) => ({ start, content }));
}

/** A text with a space in it, unless it is generated code; others are names. */
function isMessage(node: ts.Node): boolean {
  const isText =
    ts.isStringLiteral(node) ||
    ts.isNoSubstitutionTemplateLiteral(node) ||
    node.kind === ts.SyntaxKind.TemplateHead ||
    node.kind === ts.SyntaxKind.TemplateMiddle ||
    node.kind === ts.SyntaxKind.TemplateTail;
  return isText && /\w \w/.test(node.getText()) && !/\b(?:keyof|extends|export)\b/.test(node.getText());
}

function withoutCode(text: string): string {
  return text.startsWith("`") ? text : text.replace(/`[^`\n]+`/g, (code) => " ".repeat(code.length));
}
