// The stack's life: claim its folder, start its parts in order, run until somebody asks it to stop or a part dies,
// and stop everything that was started.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { assertMayBeEmptied, claimDataFolder, emptyDataFolder } from './data-folder.ts'
import { giveEmptyDatabases, servicesWithoutDatabase } from './empty-database/empty-database.ts'
import { fillDirectory } from './fill.ts'
import { startMailCatcher } from './mail-catcher/mail-catcher.ts'
import type { Options, ServiceName } from './options.ts'
import { assertPortsFree } from './ports.ts'
import { identityEnvironment, REGIONS, regionEnvironment, registryOf } from './registry.ts'
import type { Screen } from './screen.ts'
import { readOrMakeSecrets, type StackSecrets } from './secrets.ts'
import { type Ending, type ServiceProcess, startService } from './service-process.ts'
import { StackError } from './stack-error.ts'
import { welcome } from './welcome.ts'

/** What has been started so far. */
type Parts = { readonly services: ServiceProcess[]; stopMail?: () => Promise<void> }

/** Resolves once everything is stopped again, because `stop` was aborted. Throws what kept it from running on. */
export async function runStack(options: Options, screen: Screen, stop: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  if (options.isFresh) assertMayStartFresh(options)
  const lock = await claimDataFolder(
    options.dataFolder,
    () => screen.info('The services of an earlier start are still ending…'),
    stop,
  )
  const parts: Parts = { services: [] }
  // Aborted as soon as nothing more is to be started, whatever the reason.
  const over = new AbortController()
  const ending = Promise.withResolvers<void>()
  stop.addEventListener('abort', () => ending.resolve(), { once: true })
  if (stop.aborted) ending.resolve()
  const starting = start(options, screen, parts, over.signal, ending.reject)
  try {
    const isUp = await Promise.race([starting.then(() => true), ending.promise.then(() => false)])
    if (isUp) {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      if (options.isQuiet) screen.say(`Meridian runs (after ${seconds} s).`)
      screen.info(welcome(options, seconds))
      await ending.promise
    }
    screen.info('\nStopping…')
  } finally {
    over.abort()
    await stopParts(options, parts)
    await starting.catch(() => {})
    // What a step that was under way has still started.
    await stopParts(options, parts)
    lock.release()
  }
  screen.info('Stopped. Nothing is left running.')
}

function assertMayStartFresh(options: Options): void {
  if (Object.keys(options.databaseUrls).length > 0) {
    throw new StackError('--fresh forgets embedded databases only: empty the PostgreSQL databases yourself.')
  }
  assertMayBeEmptied(options.dataFolder)
}

async function start(
  options: Options,
  screen: Screen,
  parts: Parts,
  over: AbortSignal,
  onFailure: (error: Error) => void,
): Promise<void> {
  const { dataFolder, ports } = options
  await assertPortsFree(ports)
  if (options.isFresh) await emptyDataFolder(dataFolder)
  const logFolder = join(dataFolder, 'logs')
  await mkdir(logFolder, { recursive: true, mode: 0o700 })
  const { secrets, areNew } = await readOrMakeSecrets(dataFolder)
  screen.info(`Meridian starts${areNew ? ' for the first time' : ''}: data in ${dataFolder}, logs in ${logFolder}`)
  const launch = (name: ServiceName, main: string, environment: Record<string, string>) =>
    launchService({ options, screen, parts, over, onFailure, logFolder }, name, main, environment)

  const withoutDatabase = servicesWithoutDatabase(options)
  if (withoutDatabase.length > 0) {
    await screen.step('empty databases', () => giveEmptyDatabases(options, withoutDatabase, over))
  }
  await screen.step('mail catcher', async () => {
    const log = (line: string) => screen.info(`mail: ${line}`)
    const folder = join(dataFolder, 'mail')
    const catcher = await startMailCatcher({ smtpPort: ports.smtp, httpPort: ports.mail, folder, log })
    parts.stopMail = catcher.stop
  })
  await screen.step('identity service', async () => {
    const registryPath = await writeRegistry(options, secrets)
    await launch('identity', 'services/identity/src/main.ts', identityEnvironment(options, secrets, registryPath))
  })
  // Before the regions: they ask for their tenants' hosts when they start, and then once a minute.
  await screen.step('organizations and people', () => fillDirectory(options))
  await screen.step('regions in and us', async () => {
    await Promise.all(
      REGIONS.map(({ code }) => launch(code, 'services/region/src/main.ts', regionEnvironment(options, secrets, code))),
    )
  })
}

type Launching = {
  readonly options: Options
  readonly screen: Screen
  readonly parts: Parts
  readonly over: AbortSignal
  readonly onFailure: (error: Error) => void
  readonly logFolder: string
}

/** Resolves once the service is ready. */
async function launchService(
  { options, screen, parts, over, onFailure, logFolder }: Launching,
  name: ServiceName,
  main: string,
  environment: Record<string, string>,
): Promise<void> {
  over.throwIfAborted()
  const port = options.ports[name]
  let isReady = false
  const onNotice = (line: string) => {
    // Being asked whether it is ready before it is makes a service say that it is not.
    if (over.aborted || (!isReady && line.includes('readiness check failed'))) return
    screen.warn(`${name}: ${line}`)
  }
  const service = await startService({ name, main, port, environment, logFolder, onNotice })
  parts.services.push(service)
  void service.ended.then((end) => {
    if (!over.aborted) onFailure(new StackError(describeEnd(name, end)))
  })
  await service.waitUntilReady(over)
  isReady = true
}

function describeEnd(name: string, { how, lastLines, logPath }: Ending): string {
  const said =
    lastLines.length === 0
      ? 'It logged nothing.'
      : `Its last lines:\n${lastLines.map((line) => `  ${line}`).join('\n')}`
  return `${name} ended ${how}, so everything is stopped. ${said}\nAll of its log: ${logPath}`
}

async function writeRegistry(options: Options, secrets: StackSecrets): Promise<string> {
  const path = join(options.dataFolder, 'registry.json')
  await writeFile(path, `${JSON.stringify(registryOf(options.ports, secrets), null, 2)}\n`, { mode: 0o600 })
  return path
}

async function stopParts(options: Options, parts: Parts): Promise<void> {
  await Promise.all(parts.services.map((service) => service.stop()))
  // Last: until then the identity service may be handing over mail.
  await parts.stopMail?.()
  delete parts.stopMail
  // A service removes its socket itself, unless it was killed.
  await rm(join(options.dataFolder, 'identity/command.sock'), { force: true })
}
