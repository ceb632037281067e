const LOG_METHODS = new Set(["debug", "info", "warn", "error"]);

/** The text is for a person: an argument of `new SomeError(…)` or `logger.warn(…)`, in any depth of `+` and `?:`. */
function isMessage(path) {
  let child = path;
  let parent = path.parentPath;
  while (parent?.isBinaryExpression({ operator: "+" }) || parent?.isConditionalExpression()) {
    if (parent.isConditionalExpression() && parent.node.test === child.node) return false;
    child = parent;
    parent = parent.parentPath;
  }
  if (!parent || child.listKey !== "arguments") return false;
  const { callee } = parent.node;
  if (parent.isNewExpression()) return callee.type === "Identifier" && callee.name.endsWith("Error");
  if (!parent.isCallExpression() || callee.type !== "MemberExpression") return false;
  return callee.property.type === "Identifier" && LOG_METHODS.has(callee.property.name);
}

/** Wording is not promised: messages are reviewed by people, and a test that repeats one catches nothing. */
export const strykerPlugins = [
  {
    kind: "Ignore",
    name: "messages",
    value: {
      shouldIgnore: (path) =>
        (path.isStringLiteral() || path.isTemplateLiteral()) && isMessage(path)
          ? "wording of a message"
          : undefined,
    },
  },
];
