/**
 * Regular expressions without backtracking, for patterns from a peer: the pattern becomes an automaton whose states
 * are followed all at once, so that a match takes at most (length of the text) x (size of the pattern) steps.
 * A character class or escape is left to the platform, one character at a time.
 */
import { ValidationError } from "./errors.js";

/** Whether the place before the character `at` is as an assertion says. */
type Holds = (chars: readonly string[], at: number) => boolean;

/** One state; `to` are those that follow it, once its test or assertion holds if it has one. */
interface State {
  readonly test?: (char: string) => boolean;
  readonly holds?: Holds;
  readonly to: readonly State[];
  /** The step of a run in which it was last visited. */
  seen: number;
}

/** Makes the states of a part of a pattern, which are followed by `next`. */
type Part = (next: State) => State;

/** A compiled pattern; its text tells it from others. */
export interface LinearPattern {
  test(text: string): boolean;
  toString(): string;
}

type Spend = (steps: number) => void;

const MATCH: State = { to: [], seen: 0 };

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
  const start = new Parser(pattern, flags, spend).parse()(MATCH);
  return {
    toString: () => pattern,
    test(text) {
      spend(1 + text.length / 8);
      return run(start, flags === "u" ? [...text] : text.split(""), 0, false, spend);
    },
  };
}

const isWord = (char: string | undefined): boolean => char !== undefined && /\w/.test(char);
const atWordEdge = (chars: readonly string[], at: number): boolean =>
  isWord(chars[at - 1]) !== isWord(chars[at]);

/** Reads a pattern that the platform accepts. */
class Parser {
  #at = 0;
  #states = 0;

  constructor(
    readonly pattern: string,
    readonly flags: string,
    readonly spend: Spend,
  ) {}

  parse(): Part {
    const choices: Part[][] = [[]];
    while (this.#at < this.pattern.length && this.pattern[this.#at] !== ")") {
      if (this.#take(/\|/y) === undefined) choices.at(-1)!.push(this.#quantified());
      else choices.push([]);
    }
    const ways = choices.map(
      (parts): Part =>
        (next) =>
          parts.reduceRight((after, part) => part(after), next),
    );
    if (ways.length === 1) return ways[0]!;
    return (next) => this.#state({ to: ways.map((way) => way(next)) });
  }

  #state(facts: Omit<State, "seen">): State {
    this.spend(1);
    if (++this.#states > maxStates) throw refused(this.pattern, `has more than ${maxStates} states`);
    return { ...facts, seen: 0 };
  }

  #take(token: RegExp): string | undefined {
    token.lastIndex = this.#at;
    const found = token.exec(this.pattern)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #quantified(): Part {
    const part = this.#term();
    const quantifier = this.#take(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (quantifier === undefined) return part;
    const [, low, comma, high] = /^\{(\d+)(,?)(\d*)/.exec(quantifier) ?? [];
    if (low === undefined) {
      return this.#repeated(part, quantifier[0] === "+" ? 1 : 0, quantifier[0] === "?" ? 1 : Infinity);
    }
    return this.#repeated(part, Number(low), high ? Number(high) : comma ? Infinity : Number(low));
  }

  #repeated(part: Part, min: number, max: number): Part {
    return (next) => {
      let state = next;
      if (max === Infinity) {
        const to = [next];
        state = this.#state({ to });
        to.push(part(state));
      } else {
        for (let copy = min; copy < max; copy++) state = this.#state({ to: [next, part(state)] });
      }
      for (let copy = 0; copy < min; copy++) {
        const before = state;
        state = part(state);
        if (state === before) break; // an empty group, any number of times
      }
      return state;
    };
  }

  #term(): Part {
    const group = this.#take(/\((?:\?(?:<[=!]|<[^>]*>|[^)<]))?/y);
    if (group !== undefined) return this.#group(group);
    if (this.#take(/\^/y)) return this.#assertion((_, at) => at === 0);
    if (this.#take(/\$/y)) return this.#assertion((chars, at) => at === chars.length);
    if (this.#take(/\\b/y)) return this.#assertion(atWordEdge);
    if (this.#take(/\\B/y)) return this.#assertion((chars, at) => !atWordEdge(chars, at));
    const set = this.#take(/\.|\[(?:\\[\s\S]|[^\]\\])*\]/y) ?? this.#escape();
    if (set !== undefined) {
      const one = new RegExp(`^(?:${set})$`, this.flags);
      return (next) => this.#state({ test: (char) => one.test(char), to: [next] });
    }
    const literal = this.#take(this.flags === "u" ? /[\s\S]/uy : /[\s\S]/y);
    return (next) => this.#state({ test: (char) => char === literal, to: [next] });
  }

  #assertion(holds: Holds): Part {
    return (next) => this.#state({ holds, to: [next] });
  }

  #group(opened: string): Part {
    const isLook = opened === "(?=" || opened === "(?!";
    if (opened === "(?<=" || opened === "(?<!") throw refused(this.pattern, "uses a lookbehind");
    const isCapture = opened === "(" || opened.startsWith("(?<");
    if (!isLook && !isCapture && opened !== "(?:") throw refused(this.pattern, "uses a modifier");
    const part = this.parse();
    this.#at++; // the closing parenthesis
    if (!isLook) return part;
    const start = part(MATCH);
    const negative = opened === "(?!";
    return this.#assertion((chars, at) => run(start, chars, at, true, this.spend) !== negative);
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

/** Tells the steps of all runs apart. */
let step = 0;

/** Follows all states at once from `from`; a search may begin at any later character, unless it is `anchored`. */
function run(start: State, chars: readonly string[], from: number, anchored: boolean, spend: Spend): boolean {
  spend(1);
  let waiting: State[] = [];
  for (let at = from; at <= chars.length; at++) {
    const now = ++step;
    if (!anchored || at === from) waiting.push(start);
    const consuming: State[] = [];
    let visits = 0;
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (state === MATCH) {
        spend(visits / 4);
        return true;
      }
      if (state.seen === now) continue;
      state.seen = now;
      visits++;
      if (state.test !== undefined) consuming.push(state);
      else if (state.holds?.(chars, at) !== false) waiting.push(...state.to);
    }
    spend(visits / 4);
    const char = chars[at];
    if (char === undefined) return false;
    waiting = consuming.filter(({ test }) => test!(char)).flatMap(({ to }) => to);
    if (anchored && waiting.length === 0) return false;
  }
  return false;
}
