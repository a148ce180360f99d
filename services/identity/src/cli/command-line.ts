// What was typed, taken apart by the usage of the command that it names.
import { parseArgs } from 'node:util'
import { type Command, CommandError, type Given } from './command.ts'
import { COMMANDS, type CommandName, commandOf, isCommandName } from './commands.ts'

export type CommandLine =
  | { readonly help: string }
  | { readonly name: CommandName; readonly given: Given; readonly isJson: boolean }

const FOOT = `Options of all commands:
  --json      prints the result as JSON
  --help      prints what the command takes
Where a command knows --dry-run, it then says what it would do, and does nothing.

DATA_FOLDER names the service's data folder (default .data/identity), DATABASE_URL its PostgreSQL. A command has the
running service do its work; where none runs, it opens the database itself.
Exit codes: 0 done, 1 refused or failed, 2 typed wrongly.
`

const HELP_OPTIONS: readonly string[] = ['--help', '-h']

/** Throws CommandError, for usage, where there is no such command or option. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const isHelp = argv.length === 0 || argv.some((word) => HELP_OPTIONS.includes(word))
  const words = leadingWords(argv.filter((word) => !HELP_OPTIONS.includes(word)))
  const name = [words.join(' '), words[0] ?? ''].find(isCommandName)
  if (name === undefined) return { help: helpOfGroup(words[0], isHelp) }
  if (isHelp) return { help: helpOf(name) }
  return readOptions(name, argv)
}

function leadingWords(argv: readonly string[]): readonly string[] {
  const end = argv.findIndex((word) => word.startsWith('-'))
  return argv.slice(0, Math.min(2, end === -1 ? argv.length : end))
}

function helpOfGroup(group: string | undefined, isAsked: boolean): string {
  const names = (Object.keys(COMMANDS) as CommandName[]).filter(
    (name) => group === undefined || name.startsWith(`${group} `),
  )
  if (names.length === 0) {
    throw new CommandError(`There is no command "${group}". Try: meridian --help`, { isUsage: true })
  }
  const list = names.map((name) => `  ${commandOf(name).usage}\n      ${commandOf(name).summary}`).join('\n')
  if (!isAsked) throw new CommandError(`Which of them?\n${list}`, { isUsage: true })
  return `Usage: meridian COMMAND [OPTIONS]\n\nCommands:\n${list}\n\n${FOOT}`
}

function helpOf(name: CommandName): string {
  const { usage, summary, details } = commandOf(name)
  return `Usage: meridian ${usage}\n\n${summary}\n${details === undefined ? '' : `\n${details.replace(/^\n/, '')}\n`}\n${FOOT}`
}

function readOptions(name: CommandName, argv: readonly string[]): CommandLine {
  const command = commandOf(name)
  const known = optionsOf(command.usage)
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { ...known, json: { type: 'boolean' } },
    })
    const { json, ...options } = values
    const given = Object.fromEntries(Object.entries(options).map(([option, value]) => [camelCase(option), value]))
    const operands = operandsOf(command, positionals.slice(name.split(' ').length))
    return { name, given: { ...given, ...operands }, isJson: json === true }
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('. ')
    throw new CommandError(`${reason}.\nUsage: meridian ${command.usage}`, { isUsage: true })
  }
}

type Option = { readonly type: 'string' | 'boolean'; readonly multiple: boolean }

/** `--name VALUE`, `--name VALUE…` and `--flag`, wherever they stand in the usage. */
function optionsOf(usage: string): Readonly<Record<string, Option>> {
  const options = usage.matchAll(/--([a-z-]+)(?: ([^\s[\]-][^\s[\]]*))?/g)
  return Object.fromEntries(
    [...options].map(([, name = '', value]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', multiple: value?.endsWith('…') ?? false },
    ]),
  )
}

function operandsOf({ operands = [] }: Pick<Command<never>, 'operands'>, given: readonly string[]): Given {
  const rest = operands.at(-1)?.endsWith('…') ? operands.length - 1 : operands.length
  if (given.length > operands.length && rest === operands.length) {
    throw new Error(`Unexpected argument '${given[operands.length]}'`)
  }
  return Object.fromEntries(
    operands
      .map((name, index) =>
        index === rest ? [name.replace('…', ''), given.slice(rest)] : ([name, given[index]] as const),
      )
      .filter(([, value]) => value !== undefined),
  )
}

function camelCase(option: string): string {
  return option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
