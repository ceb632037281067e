/**
 * Regular expressions without backtracking, for patterns from a peer: the pattern becomes an automaton whose states
 * are followed all at once, so that a match takes at most (length of the text) x (size of the pattern) steps.
 * A character class or escape is left to the platform, one character at a time.
 */
import { ValidationError } from "./errors.js";

type Node =
  | { readonly kind: "char"; readonly test: (char: string) => boolean }
  | { readonly kind: "sequence" | "choice"; readonly nodes: readonly Node[] }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number }
  | { readonly kind: "at"; readonly holds: Holds };

/** Whether the place before the character `at` is as an assertion says. */
type Holds = (chars: readonly string[], at: number) => boolean;

type Instruction =
  | { readonly op: "char"; readonly test: (char: string) => boolean }
  | { readonly op: "split"; readonly to: number[] }
  | { readonly op: "at"; readonly holds: Holds }
  | { readonly op: "match" };

/** A compiled pattern; its text tells it from others. */
export interface LinearPattern {
  test(text: string): boolean;
  toString(): string;
}

type Spend = (steps: number) => void;

/** States of one pattern, its counted repetitions written out. */
const maxStates = 10_000;

function refused(pattern: string, why: string): ValidationError {
  const shown = JSON.stringify(pattern.slice(0, 100));
  return new ValidationError(`the pattern ${shown} ${why}`, { code: "SCHEMA_TOO_COMPLEX" });
}

/**
 * Compiles a pattern as JSON Schema writes it (with the `u` flag, or without where it is invalid with it). `spend`
 * is called with the steps of compiling and of each match, and may throw to end them.
 *
 * @throws SyntaxError for a pattern that is not valid; ValidationError `SCHEMA_TOO_COMPLEX` for one with a
 * backreference, a lookbehind or a modifier, or of more than 10,000 states.
 */
export function linearPattern(pattern: string, spend: Spend): LinearPattern {
  let flags = "u";
  try {
    new RegExp(pattern, flags);
  } catch {
    flags = "";
    new RegExp(pattern);
  }
  const program = assemble(new Parser(pattern, flags, spend).parse(), pattern, spend);
  return {
    toString: () => pattern,
    test(text) {
      spend(1 + text.length / 8);
      return run(program, flags === "u" ? [...text] : text.split(""), 0, false, spend);
    },
  };
}

const isWord = (char: string | undefined): boolean => char !== undefined && /\w/.test(char);
const atWordEdge = (chars: readonly string[], at: number): boolean =>
  isWord(chars[at - 1]) !== isWord(chars[at]);

/** Reads a pattern that the platform accepts. */
class Parser {
  #at = 0;

  constructor(
    readonly pattern: string,
    readonly flags: string,
    readonly spend: Spend,
  ) {}

  parse(): Node {
    const nodes: Node[] = [];
    let sequence: Node[] = [];
    while (this.#at < this.pattern.length && this.pattern[this.#at] !== ")") {
      if (this.#take(/\|/y) === undefined) sequence.push(this.#quantified());
      else {
        nodes.push({ kind: "sequence", nodes: sequence });
        sequence = [];
      }
    }
    nodes.push({ kind: "sequence", nodes: sequence });
    return { kind: "choice", nodes };
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.pattern)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #quantified(): Node {
    const node = this.#term();
    const quantifier = this.#take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (quantifier === undefined) return node;
    const [, low, comma, high] = /^\{(\d+)(,?)(\d*)/.exec(quantifier) ?? [];
    if (low === undefined) {
      const min = quantifier[0] === "+" ? 1 : 0;
      return { kind: "repeat", node, min, max: quantifier[0] === "?" ? 1 : Infinity };
    }
    const max = high ? Number(high) : comma ? Infinity : Number(low);
    return { kind: "repeat", node, min: Number(low), max };
  }

  #term(): Node {
    const group = this.#take(/\((?:\?(?:<[=!]|<[^>]*>|[^)<]))?/y);
    if (group !== undefined) return this.#group(group);
    if (this.#take(/\^/y)) return { kind: "at", holds: (_, at) => at === 0 };
    if (this.#take(/\$/y)) return { kind: "at", holds: (chars, at) => at === chars.length };
    if (this.#take(/\\b/y)) return { kind: "at", holds: atWordEdge };
    if (this.#take(/\\B/y)) return { kind: "at", holds: (chars, at) => !atWordEdge(chars, at) };
    const set = this.#take(/\.|\[(?:\\[\s\S]|[^\]\\])*\]/y) ?? this.#escape();
    if (set !== undefined) {
      const one = new RegExp(`^(?:${set})$`, this.flags);
      return { kind: "char", test: (char) => one.test(char) };
    }
    const literal = this.#take(this.flags === "u" ? /[\s\S]/uy : /[\s\S]/y);
    return { kind: "char", test: (char) => char === literal };
  }

  #group(opened: string): Node {
    const isLook = opened === "(?=" || opened === "(?!";
    if (opened === "(?<=" || opened === "(?<!") throw refused(this.pattern, "uses a lookbehind");
    const isCapture = opened === "(" || opened.startsWith("(?<");
    if (!isLook && !isCapture && opened !== "(?:") throw refused(this.pattern, "uses a modifier");
    const node = this.parse();
    this.#at++; // the closing parenthesis
    if (!isLook) return node;
    const program = assemble(node, this.pattern, this.spend);
    const negative = opened === "(?!";
    return { kind: "at", holds: (chars, at) => run(program, chars, at, true, this.spend) !== negative };
  }

  #escape(): string | undefined {
    if (this.#take(/\\(?=[1-9k])/y)) throw refused(this.pattern, "uses a backreference");
    if (this.flags === "u") {
      return this.#take(
        /\\(?:u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u.{4}|x..|c.|[pP]\{[^}]*\}|[\s\S])/uy,
      );
    }
    if (this.#take(/\\(?=c(?![A-Za-z]))/y)) throw refused(this.pattern, "uses an incomplete control escape");
    return this.#take(/\\(?:u[\dA-Fa-f]{4}|x[\dA-Fa-f]{2}|c[A-Za-z]|0[0-7]{0,2}|[\s\S])/y);
  }
}

function assemble(root: Node, pattern: string, spend: Spend): Instruction[] {
  const program: Instruction[] = [];
  const add = (instruction: Instruction): void => {
    spend(1);
    if (program.push(instruction) > maxStates) throw refused(pattern, `has more than ${maxStates} states`);
  };
  const split = (): number[] => {
    const to = [program.length + 1];
    add({ op: "split", to });
    return to;
  };
  const emit = (node: Node): void => {
    switch (node.kind) {
      case "char":
        return add({ op: "char", test: node.test });
      case "at":
        return add({ op: "at", holds: node.holds });
      case "sequence":
        for (const inner of node.nodes) emit(inner);
        return;
      case "choice": {
        const ends: number[][] = [];
        for (const [index, inner] of node.nodes.entries()) {
          if (index === node.nodes.length - 1) emit(inner);
          else {
            const ways = split();
            emit(inner);
            const end = split();
            end.pop();
            ends.push(end);
            ways.push(program.length);
          }
        }
        for (const end of ends) end.push(program.length);
        return;
      }
      case "repeat": {
        for (let copy = 0; copy < node.min; copy++) {
          const before = program.length;
          emit(node.node);
          if (program.length === before) break; // an empty group, any number of times
        }
        if (node.max === Infinity) {
          const start = program.length;
          const ways = split();
          emit(node.node);
          split()[0] = start;
          ways.push(program.length);
          return;
        }
        const skips: number[][] = [];
        for (let copy = node.min; copy < node.max; copy++) {
          skips.push(split());
          emit(node.node);
        }
        for (const ways of skips) ways.push(program.length);
      }
    }
  };
  emit(root);
  add({ op: "match" });
  return program;
}

/** Follows all states at once from `start`; a search may begin at any later character, unless it is `anchored`. */
function run(
  program: readonly Instruction[],
  chars: readonly string[],
  start: number,
  anchored: boolean,
  spend: Spend,
): boolean {
  spend(1 + program.length / 16);
  const seenAt = new Int32Array(program.length).fill(-1);
  const waiting: number[] = [];
  for (let at = start; at <= chars.length; at++) {
    if (!anchored || at === start) waiting.push(0);
    const consuming: number[] = [];
    let visits = 0;
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (seenAt[state] === at) continue;
      seenAt[state] = at;
      visits++;
      const instruction = program[state] as Instruction;
      if (instruction.op === "match") {
        spend(visits / 4);
        return true;
      }
      if (instruction.op === "split") waiting.push(...instruction.to);
      else if (instruction.op === "char") consuming.push(state);
      else if (instruction.holds(chars, at)) waiting.push(state + 1);
    }
    spend(visits / 4);
    const char = chars[at];
    if (char === undefined) return false;
    for (const state of consuming) {
      const instruction = program[state] as Instruction & { op: "char" };
      if (instruction.test(char)) waiting.push(state + 1);
    }
    if (anchored && waiting.length === 0) return false;
  }
  return false;
}
