// `pnpm test`: finds what the tests need (PostgreSQL, Chromium), runs tap, and ends with the count of the run.
// The raw TAP of the last run is kept in .tap/results.tap.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, globSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { locateChromium } from './chromium.ts'
import { locatePostgresql } from './postgresql.ts'
import { faultText, fileLine, summary } from './report.ts'
import { Tally } from './tally.ts'

const HELP = `Usage: pnpm test [FILE or FOLDER]…

Runs test/**/*.test.ts, or the files named. Tests that need PostgreSQL use TEST_DATABASE_URL, else a server on
127.0.0.1:5432, else a temporary one; without any they are skipped. Ends with the count of what ran, and with
exit code 1 if anything failed, if nothing ran, or (CI=true) if anything was skipped.

  --help   this text`

const TAP = join(import.meta.dirname, '../../node_modules/.bin/tap')
/** Folders whose tests want Chromium. */
const WITH_BROWSER = /^test\/(browser|conformance\/clients)\//
const RAW_TAP = '.tap/results.tap'
const KILL_AFTER_MS = 5000
const EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

const say = (line: string) => console.log(line)

/** The test files that the arguments name; throws for a name that stands for none. */
function chooseFiles(named: string[]): string[] {
  const all = globSync('test/**/*.test.ts', { exclude: (path) => path === 'fixtures' }).sort()
  if (named.length === 0) return all
  return named.flatMap((name) => {
    const folder = existsSync(name) && statSync(name).isDirectory()
    const chosen = folder ? globSync(join(name, '**/*.test.ts')).sort() : existsSync(name) ? [name] : []
    if (chosen.length === 0) throw new Error(`There is no test at ${name}.`)
    return chosen
  })
}

/** Every file is a process of its own, and most of what it does at first is to read the same modules. */
const COMPILE_CACHE = join(process.cwd(), 'node_modules/.cache/meridian-test/compiled')

/** tap reads TAP_* as options and TAP as "you are a test file": a run inside a test starts afresh. */
function testEnvironment(additions: Record<string, string | undefined>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name === 'TAP_SNAPSHOT' || !/^(TAP$|TAP_|_TAPJS_)/.test(name),
  )
  return { NODE_COMPILE_CACHE: COMPILE_CACHE, ...Object.fromEntries(inherited), ...additions }
}

/**
 * A run that finds its plugins not built yet goes on with tap's own set of them, which has every process compile what
 * Node would have stripped: twice the time.
 */
function buildPlugins(env: NodeJS.ProcessEnv): void {
  if (existsSync('.tap/plugins')) return
  const { status, stderr } = spawnSync(TAP, ['build'], { env, encoding: 'utf8' })
  if (status !== 0) say(`tap could not build its plugins, so this run takes longer: ${stderr}`)
}

/** Standard error of the tests goes through as it comes. */
async function runTap(files: string[], env: NodeJS.ProcessEnv, started: (child: ChildProcess) => void): Promise<Tally> {
  mkdirSync('.tap', { recursive: true })
  const tally = new Tally(files, (result) => {
    say(fileLine(result))
    if (result.faults.length > 0) say(faultText(result))
  })
  if (files.length === 0) return tally
  buildPlugins(env)
  const child = spawn(TAP, ['--reporter=tap', ...files], {
    env,
    // A group of its own: tap keeps a signal to itself, and the files that it started would run on.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { promise, resolve } = Promise.withResolvers<{ code: number | null; signal: NodeJS.Signals | null }>()
  child.on('error', (error) => {
    tally.faults.push({ name: 'tap', detail: `tap could not be started: ${error.message}` })
    resolve({ code: null, signal: null })
  })
  child.on('close', (code, signal) => resolve({ code, signal }))
  started(child)
  const pulse = setInterval(() => say(`…     ${tally.remaining} of ${files.length} files to go`), 30_000)
  const raw = createWriteStream(RAW_TAP)
  child.stdout.pipe(raw)
  child.stdout.setEncoding('utf8').on('data', (text: string) => tally.add(text))
  tally.close(await promise)
  if (signalGroup(child, 'SIGKILL')) say('A test left a process running; it was ended.')
  clearInterval(pulse)
  return tally
}

/** Answers whether any process of the group was there. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}

async function run(files: string[]): Promise<number> {
  let child: ChildProcess | undefined
  let ended: NodeJS.Signals | undefined
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      ended = signal
      const group = child
      if (!group) return
      signalGroup(group, signal)
      setTimeout(() => signalGroup(group, 'SIGKILL'), KILL_AFTER_MS).unref()
    })
  }
  const postgresql = await locatePostgresql(say)
  if ('missing' in postgresql) say(`PostgreSQL: none. ${postgresql.missing}`)
  const browserTests = files.some((file) => WITH_BROWSER.test(file))
  const chromium = browserTests ? await locateChromium(say) : undefined
  if (chromium && 'missing' in chromium) say(`Chromium: none. ${chromium.missing}`)
  try {
    const env = testEnvironment({
      TEST_DATABASE_URL: 'url' in postgresql ? postgresql.url : undefined,
      TEST_CHROMIUM: chromium && 'path' in chromium ? chromium.path : undefined,
    })
    const tally = await runTap(ended ? [] : files, env, (started) => {
      child = started
    })
    if (ended) tally.faults.push({ name: 'the run', detail: `ended by ${ended}` })
    const refused = tally.failed > 0 || tally.passed === 0 || (process.env['CI'] === 'true' && tally.skipped > 0)
    if (process.env['CI'] === 'true' && tally.skipped > 0) say('CI=true: a skipped test fails the run.')
    say(summary(tally))
    return ended ? (EXIT_CODES[ended] ?? 1) : Number(refused)
  } finally {
    if ('stop' in postgresql) await postgresql.stop()
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
})

if (values.help) say(HELP)
else process.exitCode = await run(chooseFiles(positionals))
