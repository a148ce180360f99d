// `meridian …`: the operator's command line. Has the running service do the work where there is one, else opens the
// database itself. Beside the service's main.ts the only reader of the environment.
import { randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { z } from 'zod'
import { configurationSchema } from '../config.ts'
import { openIdentityStore } from '../store/open-store.ts'
import { askService } from './ask-service.ts'
import { type CommandDeps, CommandError, type Prepared } from './command.ts'
import { readCommandLine } from './command-line.ts'
import { type CommandName, commandOf, runCommand } from './commands.ts'
import { createProgress } from './progress-text.ts'
import { resultText } from './result-text.ts'

const { SEAL_KEYS, TOKEN_KEYS, OTP_KEYS, ...shape } = configurationSchema.shape
const commandSettingsSchema = z.object({
  SEAL_KEYS: SEAL_KEYS.optional(),
  TOKEN_KEYS: TOKEN_KEYS.optional(),
  OTP_KEYS: OTP_KEYS.optional(),
  KEY_ACTIVE_SECONDS: shape.KEY_ACTIVE_SECONDS,
  KEY_STAGED_SECONDS: shape.KEY_STAGED_SECONDS,
  DELETION_GRACE_SECONDS: shape.DELETION_GRACE_SECONDS,
  SLUG_QUARANTINE_SECONDS: shape.SLUG_QUARANTINE_SECONDS,
})

async function* NO_LINES(): AsyncGenerator<never> {}
const warn = (text: string) => void process.stderr.write(text)
const onProgress = createProgress({ isTerminal: process.stderr.isTTY, write: warn, now: Date.now })

async function runHere(name: CommandName, { input, lines, onLine }: Prepared, folder: string, url: string | undefined) {
  const db = await openIdentityStore({ url, embedded: { folder } })
  try {
    const deps = { db, makeId: createUuidV7({ now: Date.now, randomBytes }), randomBytes, ...readSettings() }
    const streams = { given: (lines ?? NO_LINES)(), tell: (line: object) => onLine?.(line) }
    return await runCommand(deps, name, input, onProgress, streams)
  } finally {
    await db.close()
  }
}

/** The service's own settings, where it does not run; only some commands need its keys. */
function readSettings(): Pick<CommandDeps, 'secrets' | 'settings'> {
  const configuration = parseConfiguration(commandSettingsSchema, process.env)
  const needed = <T>(name: string, keys: T | undefined): T => {
    if (keys === undefined) throw new CommandError(`No service runs here, so this command needs ${name}.`)
    return keys
  }
  return {
    settings: {
      keyActiveSeconds: configuration.KEY_ACTIVE_SECONDS,
      keyStagedSeconds: configuration.KEY_STAGED_SECONDS,
      deletionGraceSeconds: configuration.DELETION_GRACE_SECONDS,
      slugQuarantineSeconds: configuration.SLUG_QUARANTINE_SECONDS,
    },
    secrets: {
      get sealKeys() {
        return needed('SEAL_KEYS', configuration.SEAL_KEYS)
      },
      get tokenKeys() {
        return needed('TOKEN_KEYS', configuration.TOKEN_KEYS)
      },
      get otpKeys() {
        return needed('OTP_KEYS', configuration.OTP_KEYS)
      },
    },
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const typed = readCommandLine(argv)
  if ('help' in typed) {
    process.stdout.write(typed.help)
    return 0
  }
  const { name, given, isJson } = typed
  const prepared = (await commandOf(name).prepare?.(given, warn)) ?? { input: given }
  const folder = process.env['DATA_FOLDER'] ?? '.data/identity'
  const answered = await askService(folder, name, prepared, onProgress)
  const done = answered ?? (await runHere(name, prepared, folder, process.env['DATABASE_URL']))
  const end = await prepared.finish?.(done)
  const result = { ...done, ...end?.result }
  process.stdout.write(isJson ? `${JSON.stringify(result)}\n` : resultText(result))
  return end?.isRefused ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof CommandError && error.isUsage ? 2 : 1
}
