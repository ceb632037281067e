/** Tools for `agentwire dev --tools`: functions for Aureus tasks, objects of functions for 4Runr. */

/** The task's inputs come in, the task's result goes out. Throwing fails the attempt. */
export const read_file = ({ path = "input.csv" }) => ({ path, rows: [{ id: 1, balance: 1000 }] });

export const validate_schema = ({ rows = [] }) => ({ valid: rows.every(({ id }) => id !== undefined) });

/** Takes the place of the built-in mock of the same name. */
export const serpapi = {
  search: ({ q }) => ({ results: [{ title: `About ${q}`, url: "https://example.com" }] }),
};
