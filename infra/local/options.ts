// What `pnpm start` can be told, by flags and by the environment. A flag wins over its variable.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { configurationSchema as identityConfiguration } from '../../services/identity/src/config.ts'
import { configurationSchema as regionConfiguration } from '../../services/region/src/config.ts'
import { StackError } from './stack-error.ts'

export const SERVICE_NAMES = ['identity', 'in', 'us'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

export type Ports = Readonly<Record<ServiceName | 'smtp' | 'mail', number>>

export type Options = {
  readonly dataFolder: string
  readonly ports: Ports
  readonly isFresh: boolean
  readonly isQuiet: boolean
  /** PostgreSQL's address for a service; absent: the embedded engine. */
  readonly databaseUrls: Readonly<Partial<Record<ServiceName, string>>>
  readonly settings: Readonly<Record<ServiceName, Readonly<Record<string, string>>>>
}

export const ROOT = join(import.meta.dirname, '../..')

const PORT_OFFSETS: Ports = { identity: 0, in: 101, us: 102, smtp: 25, mail: 26 }
const DEFAULT_PORT_BASE = 4000

export const HELP = `Usage: npx -y pnpm@12 start [OPTIONS]

Starts the identity service, the regions "in" and "us" and a mail catcher on this machine, fills them with a few
organizations and people on the first start, and runs until Ctrl-C. What it holds is kept between starts.

  --data FOLDER         where everything is kept (default .data in the repository); one running stack a folder
  --port-base N         identity on N, "in" on N+101, "us" on N+102, SMTP on N+25, the mail page on N+26
                        (default ${DEFAULT_PORT_BASE}: 4000, 4101, 4102, 4025, 4026)
  --identity-port N     one port alone; likewise --in-port, --us-port, --smtp-port, --mail-port
  --set SERVICE.NAME=VALUE
                        one setting of a service (identity, in or us), such as identity.OTP_RESEND_SECONDS=10;
                        may be repeated. README.md lists the settings
  --fresh               forgets everything in the data folder first (refused while a stack runs on it)
  --quiet               prints warnings, errors, and one line when everything runs
  --help                this text

By environment: MERIDIAN_DATA, MERIDIAN_PORT_BASE, MERIDIAN_IDENTITY_PORT, MERIDIAN_IN_PORT, MERIDIAN_US_PORT,
MERIDIAN_SMTP_PORT, MERIDIAN_MAIL_PORT. On PostgreSQL instead of the embedded engine, each on a database of its own:
MERIDIAN_IDENTITY_DATABASE_URL, MERIDIAN_IN_DATABASE_URL, MERIDIAN_US_DATABASE_URL.

A second stack beside the first:  npx -y pnpm@12 start --data .data/second --port-base 14000
`

type Environment = Readonly<Record<string, string | undefined>>

/** Undefined where --help was asked for. Throws StackError for what cannot be meant. */
export function parseOptions(args: readonly string[], environment: Environment): Options | undefined {
  const flags = parseFlags(args)
  if (flags.help === true) return undefined
  const given = (name: string, flag: string | undefined) =>
    flag ?? (environment[`MERIDIAN_${name.replaceAll('-', '_').toUpperCase()}`] || undefined)
  const base = parsePort('port-base', given('port-base', flags['port-base'])) ?? DEFAULT_PORT_BASE
  const port = (name: keyof Ports) =>
    parsePort(`${name}-port`, given(`${name}-port`, flags[`${name}-port`])) ?? base + PORT_OFFSETS[name]
  const databaseUrls: Partial<Record<ServiceName, string>> = {}
  for (const name of SERVICE_NAMES) {
    const url = given(`${name}-database-url`, undefined)
    if (url !== undefined) databaseUrls[name] = url
  }
  const dataFolder = given('data', flags.data)
  return {
    dataFolder: dataFolder === undefined ? join(ROOT, '.data') : resolve(dataFolder),
    ports: assertDistinct({
      identity: port('identity'),
      in: port('in'),
      us: port('us'),
      smtp: port('smtp'),
      mail: port('mail'),
    }),
    isFresh: flags.fresh ?? false,
    isQuiet: flags.quiet ?? false,
    databaseUrls,
    settings: parseSettings(flags.set ?? []),
  }
}

function parseFlags(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      // pnpm hands on the `--` that some put before a script's own options.
      args: args.filter((argument) => argument !== '--'),
      options: {
        data: text,
        'port-base': text,
        'identity-port': text,
        'in-port': text,
        'us-port': text,
        'smtp-port': text,
        'mail-port': text,
        set: { type: 'string', multiple: true },
        fresh: flag,
        quiet: flag,
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new StackError(`${error instanceof Error ? error.message : String(error)}\nTry: npx -y pnpm@12 start --help`)
  }
}

function parsePort(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new StackError(`--${name} wants a port from 1 to 65535, not "${text}".`)
}

function assertDistinct(ports: Ports): Ports {
  const numbers = Object.values(ports)
  const highest = Math.max(...numbers)
  if (highest > 65_535) throw new StackError(`There is no port ${highest}: choose a lower --port-base.`)
  const twice = numbers.find((port, index) => numbers.indexOf(port) !== index)
  if (twice !== undefined) throw new StackError(`Port ${twice} is given to two things: give each a port of its own.`)
  return ports
}

/** What the parts of the stack must agree on, and what has an option of its own. */
const WIRED = new Set([
  'AUDIENCE',
  'CLIENT_ID',
  'CLIENT_SECRET',
  'DATABASE_URL',
  'DATA_FOLDER',
  'IDENTITY_URL',
  'ISSUER',
  'JWKS_URL',
  'OTP_KEYS',
  'PORT',
  'REGION_CODE',
  'REGISTRY',
  'SEAL_KEYS',
  'TOKEN_KEYS',
])

function parseSettings(given: readonly string[]): Options['settings'] {
  const settings: Record<ServiceName, Record<string, string>> = { identity: {}, in: {}, us: {} }
  for (const text of given) {
    const [, service = '', name = '', value = ''] = /^([a-z]+)\.([A-Z_]+)=(.*)$/s.exec(text) ?? []
    if (!isServiceName(service)) {
      throw new StackError(`--set wants SERVICE.NAME=VALUE with identity, in or us as SERVICE, not "${text}".`)
    }
    const { shape } = service === 'identity' ? identityConfiguration : regionConfiguration
    if (!Object.hasOwn(shape, name)) throw new StackError(`--set: ${service} has no setting ${name}.`)
    if (WIRED.has(name)) throw new StackError(`--set: ${name} follows from the other options and cannot be set.`)
    settings[service][name] = value
  }
  return settings
}

function isServiceName(text: string): text is ServiceName {
  return (SERVICE_NAMES as readonly string[]).includes(text)
}
