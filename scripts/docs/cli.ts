/** docs/cli-reference.md, generated from the definitions of the commands. */
import { COMMANDS } from "../../src/cli/commands.ts";
import { createProgram } from "../../src/cli/program.ts";

/** The reference as Markdown. */
export async function cliReference(): Promise<string> {
  const names = COMMANDS.map(({ name }) => name);
  const program = await createProgram(names, { out: () => {}, color: false }, async () => {});
  const sections = await Promise.all(
    program.commands.map(async (command) => {
      const { notes, examples } = await COMMANDS.find(({ name }) => name === command.name())!.load();
      const rows = [
        ...command.registeredArguments.map((argument) => [
          argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
          argument.description || choices(argument.argChoices, undefined),
        ]),
        ...command.options.map(({ flags, description, argChoices, defaultValue }) => [
          flags,
          `${description}${choices(argChoices, defaultValue)}`,
        ]),
      ];
      const table = rows.map(([name, about]) => `| \`${name}\` | ${about!.replaceAll("|", "\\|")} |`);
      const lines = examples.map(([line, what]) => `# ${what}\nagentwire ${line}`);
      return [
        `## agentwire ${command.name()}\n`,
        `${sentence(command.description())}\n`,
        `| Argument or option | Meaning |\n| --- | --- |\n${table.join("\n")}\n`,
        ...(notes === undefined ? [] : [`${notes}\n`]),
        `\`\`\`sh\n${lines.join("\n")}\n\`\`\`\n`,
      ].join("\n");
    }),
  );
  return `# Command line reference\n\nGenerated from the command definitions. See the [guide](cli.md) for what the commands are for.\n\n${sections.join("\n")}`;
}

function choices(values: readonly string[] | undefined, otherwise: unknown): string {
  // The default name of a neuron contains the name of this machine.
  const shown =
    typeof otherwise === "string" && otherwise.startsWith("neuron-") ? "neuron-HOSTNAME" : otherwise;
  const given = Array.isArray(shown) ? undefined : shown;
  return [
    values === undefined ? "" : ` (${values.join(", ")})`,
    given === undefined || given === true ? "" : ` (default: ${given})`,
  ].join("");
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
