/** The tools that the usage guide of the Python SDK names. */
interface Context {
  readonly results: Readonly<Record<string, unknown>>;
  readonly context: Readonly<Record<string, unknown>>;
}

export const read_file = () => ({ rows: [1, 2, 3] });
export const validate_schema = (_: unknown, { results }: Context) => results["read-data"];
export const transform_data = () => ({ sum: 6 });
export const write_file = (_: unknown, { context }: Context) => ({ for: context.user_id });
