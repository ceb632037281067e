/** `agentwire completion`: a completion script, generated from the definitions of the commands. */
import { Argument, type Command } from "commander";
import type { CliCommand } from "./command.js";
import { COMMANDS } from "./commands.js";
import { createProgram } from "./program.js";

/** An option in a script. */
interface Flag {
  readonly flag: string;
  readonly about: string;
  readonly takesValue: boolean;
  /** Undefined: a file name. */
  readonly values?: readonly string[] | undefined;
}

/** What can be completed after the name of a command. */
export interface Completion {
  readonly name: string;
  readonly summary: string;
  /** Values of its argument; undefined: a file name. */
  readonly values?: readonly string[] | undefined;
  readonly flags: readonly Flag[];
}

/** The scripts. `flags` are those of `agentwire` without a command. */
export const SHELLS: Readonly<
  Record<string, (commands: readonly Completion[], flags: readonly Flag[]) => string>
> = { bash, zsh, fish };

/** `agentwire completion`. */
export const completionCommand: CliCommand = {
  configure: (command) =>
    command.addArgument(new Argument("<shell>", "shell that runs the script").choices(Object.keys(SHELLS))),
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/agentwire", "bash"],
    ["completion zsh > ~/.zfunc/_agentwire", "zsh, with fpath+=~/.zfunc before compinit"],
    ["completion fish > ~/.config/fish/completions/agentwire.fish", "fish"],
  ],
  async run(_options, io, [shell = ""]) {
    const names = COMMANDS.map(({ name }) => name);
    const program = await createProgram(names, io, async () => {});
    const commands = program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      values: command.registeredArguments[0]?.argChoices,
      flags: flagsOf(command),
    }));
    const help = { name: "help", summary: "print help for a command", values: names, flags: [] };
    const script = SHELLS[shell]!([...commands, help], flagsOf(program));
    return { text: script, result: { shell, script } };
  },
};

function flagsOf(command: Command): Flag[] {
  const options = command.createHelp().visibleOptions(command);
  return options.map(({ long, description, required, argChoices }) => ({
    flag: long ?? "",
    about: description,
    takesValue: required,
    values: argChoices,
  }));
}

/** Without words of our own, readline completes file names and quotes them. */
function bash(commands: readonly Completion[], flags: readonly Flag[]): string {
  const words = (all: readonly { name?: string; flag?: string }[]): string =>
    all.map(({ name, flag }) => name ?? flag).join(" ");
  const cases = commands.flatMap(({ name, values, flags }) => [
    ...flags
      .filter(({ takesValue }) => takesValue)
      .map(({ flag, values = [] }) => `    ${name}:${flag}:*) words="${values.join(" ")}" ;;`),
    `    ${name}:*:-*) words="${words(flags)}" ;;`,
    ...(values === undefined ? [] : [`    ${name}:${name}:*) words="${values.join(" ")}" ;;`]),
  ]);
  return `# bash completion for agentwire
_agentwire() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="${words([...commands, ...flags])}"; fi
  case "\${COMP_WORDS[1]}:$prev:$cur" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _agentwire agentwire
`;
}

/** Specs of `_arguments` and `_describe`: a colon, a bracket and a backslash are escaped in them. */
function zsh(commands: readonly Completion[], flags: readonly Flag[]): string {
  const text = (value: string): string =>
    value.replace(/['[\]:\\]/g, (char) => (char === "'" ? "'\\''" : `\\${char}`));
  const list = (values: readonly string[] | undefined): string =>
    values === undefined ? "_files" : `(${values.join(" ")})`;
  const specs = (all: readonly Flag[]): string =>
    all
      .map(({ flag, about, takesValue, values }) => {
        const value = takesValue ? `:value:${list(values)}` : "";
        return `'*${flag}[${text(about)}]${value}'`;
      })
      .join(" ");
  const names = commands.map(({ name, summary }) => `    '${name}:${text(summary)}'`);
  const cases = commands.map(
    ({ name, values, flags }) => `    ${name}) _arguments ${specs(flags)} '*:argument:${list(values)}' ;;`,
  );
  return `#compdef agentwire
_agentwire() {
  local -a commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    if [[ $words[2] == -* ]]; then _arguments ${specs(flags)}; else _describe command commands; fi
    return
  fi
  local name=$words[2]
  shift words; (( CURRENT-- ))
  case $name in
${cases.join("\n")}
  esac
}
# Autoloaded from fpath, this file is the first call of the function itself.
if [[ $funcstack[1] == _agentwire ]]; then _agentwire "$@"; else compdef _agentwire agentwire; fi
`;
}

function fish(commands: readonly Completion[], flags: readonly Flag[]): string {
  const text = (value: string): string => `'${value.replace(/['\\]/g, "\\$&")}'`;
  const option = (when: string, { flag, about, takesValue, values }: Flag): string => {
    const value = !takesValue ? "" : values === undefined ? " -r -F" : ` -x -a ${text(values.join(" "))}`;
    return `complete -c agentwire -n ${when} -l ${flag.slice(2)}${value} -d ${text(about)}`;
  };
  const lines = commands.flatMap(({ name, summary, values, flags }) => {
    const when = `'contains -- ${name} (commandline -opc)[2]'`;
    return [
      `complete -c agentwire -f -n __fish_use_subcommand -a ${name} -d ${text(summary)}`,
      ...(values === undefined ? [] : [`complete -c agentwire -f -n ${when} -a ${text(values.join(" "))}`]),
      ...flags.map((flag) => option(when, flag)),
    ];
  });
  const top = flags.map((flag) => option("__fish_use_subcommand", flag));
  return `# fish completion for agentwire\n${[...top, ...lines].join("\n")}\n`;
}
