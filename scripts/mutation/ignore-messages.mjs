const LOG_METHODS = new Set(["debug", "info", "warn", "error"]);
/** Functions that log, and which of their arguments is the text. */
const LOG_FUNCTIONS = { warned: 1, warnOnce: 2 };

/**
 * The text is for a person: an argument of `new SomeError(…)`, `logger.warn(…)` or `warnOnce(…)`, in any depth of `+`,
 * `?:` and `${…}`, or a constant that is only used so.
 */
function isMessage(path) {
  let child = path;
  let parent = path.parentPath;
  while (
    parent?.isBinaryExpression({ operator: "+" }) ||
    parent?.isConditionalExpression() ||
    parent?.isTemplateLiteral() ||
    isJoin(parent, child)
  ) {
    if (parent.isConditionalExpression() && parent.node.test === child.node) return false;
    child = parent;
    parent = parent.parentPath;
  }
  if (parent?.isVariableDeclarator() && parent.node.id.type === "Identifier") {
    const binding = parent.scope.getBinding(parent.node.id.name);
    return Boolean(binding?.constant && binding.referencePaths.every(isMessage));
  }
  if (!parent || child.listKey !== "arguments") return false;
  const { callee } = parent.node;
  if (parent.isNewExpression()) return callee.type === "Identifier" && callee.name.endsWith("Error");
  if (callee.type === "Identifier") return LOG_FUNCTIONS[callee.name] === child.key;
  if (!parent.isCallExpression() || callee.type !== "MemberExpression") return false;
  return callee.property.type === "Identifier" && LOG_METHODS.has(callee.property.name);
}

/** The separator of a list: `names.join(" or ")`. */
function isJoin(parent, child) {
  return (
    parent?.isCallExpression() &&
    child.listKey === "arguments" &&
    parent.node.callee.type === "MemberExpression" &&
    parent.node.callee.property.name === "join"
  );
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
