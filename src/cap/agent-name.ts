/** Characters that Python's `str.split` takes for white space; JavaScript's `\s` knows a slightly different set. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: some of them are white space to Python
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;
const MAX_CODE_POINTS = 128;

/**
 * A display name as it goes on the wire: runs of white space become one space, none at the ends, at most 128
 * characters (cap-sdk-python 2.17.0, `sanitize_agent_name`).
 */
export function sanitizeAgentName(name: string): string {
  const trimmed = name.replace(WHITE_SPACE, " ").replace(/^ | $/g, "");
  return [...trimmed].slice(0, MAX_CODE_POINTS).join("");
}
