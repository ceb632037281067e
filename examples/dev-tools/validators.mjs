/** Validators for `agentwire dev --validators`: a gate names them by their export. */

export const schema_check = ({ data }) =>
  typeof data === "object" && data !== null
    ? { valid: true, confidence: 1 }
    : { valid: false, reason: "the data is not an object", failureCode: "OUT_OF_SCOPE" };

export const balance_positive = ({ data }) =>
  data.balance > 0
    ? { valid: true, confidence: 1 }
    : { valid: false, reason: `the balance is ${data.balance}`, remediation: "add funds first" };
