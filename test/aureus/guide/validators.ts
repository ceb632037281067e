/** The validators that the usage guide of the Python SDK names. */
interface Commit {
  readonly data?: unknown;
}

const verdict = (valid: boolean) => (valid ? { valid, confidence: 1 } : { valid, reason: "out of bounds" });

export const schema_check = ({ data }: Commit) => verdict(typeof data === "object");
export const balance_positive = ({ data }: Commit) => verdict((data as { balance: number }).balance > 0);
export const check_business_rules = (
  { data }: Commit,
  { min_amount, max_amount }: Record<string, unknown>,
) => {
  const { amount } = data as { amount: number };
  return verdict(amount >= Number(min_amount) && amount <= Number(max_amount));
};
