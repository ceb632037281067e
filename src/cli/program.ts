/** The command line on commander. */
import { Command } from "commander";
import { VERSION } from "../index.js";
import { type CliCommand, pairs, repeated, UsageError } from "./command.js";
import { COMMANDS } from "./commands.js";
import { EXIT_TABLE } from "./exit-codes.js";
import { columns, type Io } from "./io.js";

/** Called with a command, its parsed options and its arguments. */
export type Action = (command: CliCommand, options: object, args: readonly string[]) => Promise<void>;

/** Builds the program. Only the commands in `loaded` get their options; the others are listed by name. */
export async function createProgram(
  loaded: readonly string[],
  io: Pick<Io, "out" | "color">,
  action: Action,
): Promise<Command> {
  const program = new Command("agentwire")
    .description("Build and debug agents for CAP, Holokai neuron, Aureus and 4Runr.")
    .version(VERSION, "-v, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .exitOverride()
    .configureOutput({
      writeOut: io.out,
      writeErr: io.out, // help of a program without arguments
      outputError: () => {}, // `runCli` prints errors
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => io.color,
    })
    .addHelpText("afterAll", `\nExit codes:\n${exitCodes()}`);
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary).summary(summary);
    if (!loaded.includes(name)) continue;
    const definition = await load();
    definition.configure(command);
    command.option("--json", "print the result as JSON").helpOption("-h, --help", "print help");
    refuseAmbiguous(command);
    if (definition.notes !== undefined) command.addHelpText("after", `\n${definition.notes}`);
    const examples = definition.examples.map(([line, what]) => `  # ${what}\n  agentwire ${line}\n`);
    command.addHelpText("after", `\nExamples:\n${examples.join("\n")}`.trimEnd());
    // Commander checks these before unknown options, so a typo in one would be reported as its absence.
    const required = command.options.filter(({ mandatory }) => mandatory);
    for (const option of required) option.makeOptionMandatory(false);
    command.action(() => {
      const missing = required.find((option) => command.getOptionValue(option.attributeName()) === undefined);
      if (missing !== undefined) throw new UsageError(`required option '${missing.flags}' not specified`);
      return action(definition, command.opts(), command.args);
    });
  }
  return program;
}

/** A value that is the name of an option is a forgotten value; an option that takes one value is given once. */
function refuseAmbiguous(command: Command): void {
  const given = new Set<string>();
  for (const option of command.options.filter(({ required }) => required)) {
    const repeatable = option.parseArg === repeated || option.parseArg === pairs;
    if (repeatable) option.description += " (repeatable)";
    command.on(`option:${option.name()}`, (value: string) => {
      if (command.options.some(({ long }) => long === value)) {
        throw new UsageError(`option '${option.flags}' argument missing: found ${value}`);
      }
      if (given.has(option.name()) && !repeatable) {
        throw new UsageError(`option '${option.flags}' is given more than once`);
      }
      given.add(option.name());
    });
  }
}

/** The table of exit codes. */
function exitCodes(): string {
  const rows = EXIT_TABLE.map(([code, meaning]) => [String(code).padStart(3), meaning]);
  return columns(rows, "  ").trimEnd();
}
