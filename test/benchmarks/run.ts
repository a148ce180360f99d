// `pnpm bench`: speed, as ratios of sides measured in turns in one run. Nothing here passes or fails by the clock.
// What is measured and how, and the figures of a run: README.md.
import { mkdir, writeFile } from 'node:fs/promises'
import { getPriority, setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { locatePostgresql } from '../support/postgresql.ts'
import { benchEndpoints } from './endpoints.ts'
import { benchFeed } from './feed.ts'
import { type Load, startLoad } from './load-process.ts'
import { describeMachine, isPinned, moveToLoadCore } from './machine.ts'
import { benchRefresh } from './refresh.ts'
import { formatSection, ratiosOf, type Section } from './report.ts'
import { benchRevocation } from './revocation.ts'
import type { Plan } from './rounds.ts'
import { benchVerify } from './verify.ts'

type Benchmark = {
  readonly name: string
  readonly what: string
  readonly run: (context: Context) => Promise<readonly Section[]>
}
type Context = {
  readonly load: Load
  readonly plan: Plan
  readonly profileFolder: string | undefined
  /** That the change feed's backlog has. */
  readonly changes: number
  readonly serverUrl: () => Promise<string>
}

const BENCHMARKS: readonly Benchmark[] = [
  {
    name: 'refresh',
    what: 'refreshes a second, beside oidc-provider',
    run: async ({ load, ...rest }) => benchRefresh(load, { ...rest, serverUrl: await rest.serverUrl() }),
  },
  {
    name: 'verify',
    what: 'guarded requests a second, beside an unguarded route',
    run: ({ load, plan, profileFolder }) => benchVerify(load, plan, profileFolder),
  },
  {
    name: 'endpoints',
    what: 'key set, token exchange and sign-ins a second',
    run: async ({ load, ...rest }) => benchEndpoints(load, { ...rest, serverUrl: await rest.serverUrl() }),
  },
  {
    name: 'revocation',
    what: 'from the commit of a revocation to its refusal in two regions',
    run: async ({ plan, serverUrl }) => benchRevocation(await serverUrl(), plan),
  },
  {
    name: 'feed',
    what: 'the change feed: changes a second, lag, revocations beside a backlog, rebuilds, memory',
    run: async ({ plan, serverUrl, changes }) => benchFeed(await serverUrl(), plan, changes),
  },
]

const HELP = `Usage: pnpm bench [--only NAME]… [--seconds N] [--rounds N] [--patience N] [--nice N]
                  [--changes N] [--profile FOLDER]

${BENCHMARKS.map(({ name, what }) => `  ${name.padEnd(18)}${what}`).join('\n')}

  --only NAME       this one alone (may be repeated)
  --seconds N       length of a round, 1 to 20 (8)
  --rounds N        rounds of each side, 1 to 10 (3)
  --patience N      repeat disturbed rounds for up to N minutes, 0 to 60 (0)
  --nice N          priority of servers and load, -15 to 0 (0; below 0 as root), where others use the machine too
  --changes N       backlog of the change feed, 1000 to 10000000 (100000)
  --profile FOLDER  have the servers write processor profiles there
  --help            this text

PostgreSQL: TEST_DATABASE_URL, or the one on 127.0.0.1:5432. The figures also go to
test/benchmarks/results/latest.json.`

const WARM_UP_SECONDS = 5
const RESULTS = new URL('./results/', import.meta.url)
const say = (line: string) => console.log(line)

async function bench(
  chosen: readonly Benchmark[],
  given: Pick<Context, 'plan' | 'profileFolder' | 'changes'>,
): Promise<void> {
  const { plan } = given
  const before = describeMachine()
  moveToLoadCore(process.pid)
  const places = isPinned
    ? 'server on one core; load, database and runner on the other'
    : 'not pinned to cores: taskset is missing, or there is one core only'
  say(`${before.cores} cores (${before.processor}), Node.js ${before.node}, load ${before.load.join(' ')}`)
  say(`${places}\n`)
  const load = startLoad()
  const stops: (() => Promise<void>)[] = [load.stop]
  const serverUrl = async () => {
    const located = await locatePostgresql(say)
    if ('missing' in located) throw new Error(`no PostgreSQL: ${located.missing}`)
    stops.push(located.stop)
    return located.url
  }
  const sections: Section[] = []
  // Without its load the run fails at once, and cleans up as after any failure.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void load.stop())
  try {
    for (const { run } of chosen) sections.push(...(await run({ load, ...given, serverUrl })))
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
  const results = {
    at: new Date().toISOString(),
    machine: before,
    nice: getPriority(),
    places,
    loadAfter: describeMachine().load,
    plan: { rounds: plan.rounds, secondsPerRound: plan.secondsPerRound, warmUpSeconds: plan.warmUpSeconds },
    sections: sections.map((section) => ({ ...section, ratios: ratiosOf(section) })),
  }
  await mkdir(RESULTS, { recursive: true })
  await writeFile(new URL('latest.json', RESULTS), `${JSON.stringify(results, null, 2)}\n`)
  say(`\n${sections.map(formatSection).join('\n\n')}`)
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    nice: { type: 'string', default: '0' },
    patience: { type: 'string', default: '0' },
    changes: { type: 'string', default: '100000' },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
})
const { seconds, rounds, patience, nice, changes } = Object.fromEntries(
  (['seconds', 'rounds', 'patience', 'nice', 'changes'] as const).map((name) => [name, Number(values[name])]),
) as Record<'seconds' | 'rounds' | 'patience' | 'nice' | 'changes', number>
const chosen = BENCHMARKS.filter(({ name }) => values.only === undefined || values.only.includes(name))
const isWithin = (value: number, min: number, max: number) => Number.isInteger(value) && value >= min && value <= max
const isMeasurable =
  isWithin(seconds, 1, 20) &&
  isWithin(rounds, 1, 10) &&
  isWithin(patience, 0, 60) &&
  isWithin(nice, -15, 0) &&
  isWithin(changes, 1000, 10_000_000)
if (values.help) {
  say(HELP)
} else if (chosen.length !== (values.only ?? BENCHMARKS).length || !isMeasurable) {
  console.error(`That cannot be run.\n\n${HELP}`)
  process.exitCode = 1
} else {
  if (nice !== 0) setPriority(nice)
  const patientUntilMs = performance.now() + patience * 60_000
  const warmUpSeconds = Math.min(WARM_UP_SECONDS, seconds)
  const plan = { rounds, secondsPerRound: seconds, warmUpSeconds, patientUntilMs, say }
  await bench(chosen, { plan, profileFolder: values.profile, changes })
}
