/**
 * Other tools lose what a member called `__proto__` holds, or make it the prototype of its neighbours. They get
 * documents in which it has another name of the same length, so that lines and columns stay.
 */
const [NAME, COVER] = ["__proto__", "__pr0t0__"];

/** The text of a document for another tool. */
export function hideProto(text: string): string {
  return text.replaceAll(NAME, COVER);
}

/** What another tool made of it. */
export function showProto(text: string): string {
  return text.replaceAll(COVER, NAME);
}
