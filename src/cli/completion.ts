/** `agentwire completion`: a completion script, generated from the definitions of the commands. */
import { Argument } from "commander";
import type { CliCommand } from "./command.js";
import { COMMANDS } from "./commands.js";
import { createProgram } from "./program.js";

/** What can be completed after the name of a command. */
interface Completion {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly flag: string;
    readonly about: string;
    readonly takesValue: boolean;
    /** Undefined: a file name. */
    readonly values?: readonly string[] | undefined;
  }[];
}

const SHELLS = { bash, zsh, fish } as const;

/** `agentwire completion`. */
export const completionCommand: CliCommand = {
  configure: (command) =>
    command.addArgument(new Argument("<shell>", "shell that runs the script").choices(Object.keys(SHELLS))),
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/agentwire", "bash"],
    ["completion zsh > ~/.zfunc/_agentwire", "zsh, with fpath+=~/.zfunc before compinit"],
    ["completion fish > ~/.config/fish/completions/agentwire.fish", "fish"],
  ],
  async run(_options, io, [shell]) {
    const names = COMMANDS.map(({ name }) => name);
    const program = await createProgram(names, io, async () => {});
    const completions = program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      options: command.options.map(({ long, description, required, argChoices }) => ({
        flag: long ?? "",
        about: description,
        takesValue: required,
        values: argChoices,
      })),
    }));
    const script = SHELLS[shell as keyof typeof SHELLS](completions);
    return { text: script, result: { shell, script } };
  },
};

function bash(commands: readonly Completion[]): string {
  const cases = commands.flatMap(({ name, options }) => [
    ...options
      .filter(({ takesValue }) => takesValue)
      .map(({ flag, values }) => {
        const words = values === undefined ? `-f -- "$cur"` : `-W "${values.join(" ")}" -- "$cur"`;
        return `    ${name}:${flag}) COMPREPLY=($(compgen ${words})); return ;;`;
      }),
    `    ${name}:*) words="${options.map(({ flag }) => flag).join(" ")} --help" ;;`,
  ]);
  return `# bash completion for agentwire
_agentwire() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} help --help --version" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}:$prev" in
${cases.join("\n")}
  esac
  if [[ "$cur" == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _agentwire agentwire
`;
}

function zsh(commands: readonly Completion[]): string {
  const text = (value: string): string =>
    value.replace(/['[\]:\\]/g, (char) => (char === "'" ? "'\\''" : `\\${char}`));
  const names = commands.map(({ name, summary }) => `    '${name}:${text(summary)}'`);
  const cases = commands.map(({ name, options }) => {
    const specs = options.map(({ flag, about, takesValue, values }) => {
      const value = values === undefined ? "_files" : `(${values.join(" ")})`;
      return `'*${flag}[${text(about)}]${takesValue ? `:value:${value}` : ""}'`;
    });
    return `    ${name}) _arguments ${specs.join(" ")} '*:file:_files' ;;`;
  });
  return `#compdef agentwire
_agentwire() {
  local -a commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local name=\${words[2]}
  shift words; (( CURRENT-- ))
  case $name in
${cases.join("\n")}
  esac
}
compdef _agentwire agentwire
`;
}

function fish(commands: readonly Completion[]): string {
  const text = (value: string): string => `'${value.replace(/['\\]/g, "\\$&")}'`;
  const lines = commands.flatMap(({ name, summary, options }) => [
    `complete -c agentwire -f -n __fish_use_subcommand -a ${name} -d ${text(summary)}`,
    ...options.map(({ flag, about, takesValue, values }) => {
      const value = !takesValue ? "" : values === undefined ? " -r -F" : ` -x -a ${text(values.join(" "))}`;
      const when = `'__fish_seen_subcommand_from ${name}'`;
      return `complete -c agentwire -n ${when} -l ${flag.slice(2)}${value} -d ${text(about)}`;
    }),
  ]);
  return `# fish completion for agentwire\n${lines.join("\n")}\n`;
}
