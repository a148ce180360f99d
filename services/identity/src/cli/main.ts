// `meridian …`: the operator's command line. Talks to the running service where there is one, else opens the
// database itself. Beside the service's main.ts the only reader of the environment.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { z } from 'zod'
import { configurationSchema } from '../config.ts'
import { openIdentityStore } from '../store/open-store.ts'
import { askService } from './ask-service.ts'
import type { CommandDeps } from './command.ts'
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

const { SEAL_KEYS, KEY_ACTIVE_SECONDS, KEY_STAGED_SECONDS } = configurationSchema.shape
const keySettingsSchema = z.object({ SEAL_KEYS: SEAL_KEYS.optional(), KEY_ACTIVE_SECONDS, KEY_STAGED_SECONDS })

function readInput(name: CommandName, args: readonly string[]): { input: unknown; isJson: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      email: { type: 'string' },
      name: { type: 'string' },
      alg: { type: 'string' },
      emergency: { type: 'boolean' },
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
    return await runCommand({ db, makeId, randomBytes, ...readKeySettings() }, name, input, showProgress)
  } finally {
    await db.close()
  }
}

/** The service's own settings for keys; only commands that make keys need SEAL_KEYS. */
function readKeySettings(): Pick<CommandDeps, 'secrets' | 'settings'> {
  const configuration = parseConfiguration(keySettingsSchema, process.env)
  const sealKeys = configuration.SEAL_KEYS
  return {
    settings: {
      keyActiveSeconds: configuration.KEY_ACTIVE_SECONDS,
      keyStagedSeconds: configuration.KEY_STAGED_SECONDS,
    },
    secrets: {
      get sealKeys() {
        if (sealKeys === undefined) throw new CommandError('No service runs here, so this command needs SEAL_KEYS.')
        return sealKeys
      },
    },
  }
}

function showProgress(done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total}${done === total ? '\n' : ''}`)
}

/** One line a value; a list of objects is one line each. */
function textOf(result: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(result).flatMap(([key, value]) => {
    if (!Array.isArray(value)) return [`${key}: ${String(value)}`]
    return [`${key}:${value.length === 0 ? ' none' : ''}`, ...value.map((item: unknown) => `  ${itemText(item)}`)]
  })
  return `${lines.join('\n')}\n`
}

function itemText(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item)
  const parts = Object.entries(item).map(([name, value]) => `${name} ${[value].flat().join(', ') || 'nothing'}`)
  return parts.join(' · ')
}

async function main(argv: readonly string[]): Promise<number> {
  const [first = '--help', second] = argv
  const name = first === 'keys' ? `keys ${second ?? ''}`.trim() : first
  const args = argv.slice(name.split(' ').length)
  if (argv.includes('--help') || argv.includes('-h') || argv.length === 0) {
    process.stdout.write(HELP)
    return 0
  }
  if (!isCommandName(name)) throw new CommandError(`There is no command "${name}". Try: meridian --help`)
  const { input, isJson } = readInput(name, args)
  const folder = process.env['DATA_FOLDER'] ?? '.data/identity'
  const answered = await askService(folder, name, input, showProgress)
  const result = answered ?? (await runHere(name, input, folder, process.env['DATABASE_URL']))
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : textOf(result))
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
