// `meridian …`: the operator's command line. Talks to the running service where there is one, else opens the
// database itself. Beside the service's main.ts the only reader of the environment.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { openIdentityStore } from '../store/open-store.ts'
import { askService } from './ask-service.ts'
import { COMMANDS, CommandError, type CommandName, isCommandName, runCommand } from './commands.ts'

const HELP = `Usage: meridian COMMAND [OPTIONS]

Commands:
${Object.values(COMMANDS)
  .map(({ usage, summary }) => `  ${usage}\n      ${summary}`)
  .join('\n')}

Options:
  --json      prints the result as JSON
  --dry-run   says what would be done, and does nothing
  --help      prints this

DATA_FOLDER names the service's data folder (default .data/identity), DATABASE_URL its PostgreSQL.
`

function readInput(name: CommandName, args: readonly string[]): { input: unknown; isJson: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      email: { type: 'string' },
      name: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { json: isJson, 'dry-run': dryRun, ...given } = values
  if (name !== 'import') return { input: { ...given, dryRun }, isJson }
  const [file] = positionals
  if (file === undefined) throw new CommandError(`Name the file.\nUsage: meridian ${COMMANDS.import.usage}`)
  return { input: { document: JSON.parse(readFileSync(file, 'utf8')), dryRun }, isJson }
}

async function runHere(name: CommandName, input: unknown, folder: string, url: string | undefined) {
  const db = await openIdentityStore({ url, embedded: { folder } })
  try {
    const makeId = createUuidV7({ now: Date.now, randomBytes })
    return await runCommand({ db, makeId }, name, input, showProgress)
  } finally {
    await db.close()
  }
}

function showProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total}${done === total ? '\n' : ''}`)
}

async function main(argv: readonly string[]): Promise<number> {
  const [name = '--help', ...args] = argv
  if (argv.includes('--help') || argv.includes('-h') || argv.length === 0) {
    process.stdout.write(HELP)
    return 0
  }
  if (!isCommandName(name)) throw new CommandError(`There is no command "${name}". Try: meridian --help`)
  const { input, isJson } = readInput(name, args)
  const folder = process.env['DATA_FOLDER'] ?? '.data/identity'
  const answered = await askService(folder, name, input, showProgress)
  const result = answered ?? (await runHere(name, input, folder, process.env['DATABASE_URL']))
  const lines = Object.entries(result).map(([key, value]) => `${key}: ${String(value)}`)
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`)
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
