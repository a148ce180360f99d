// `meridian import …` as it is typed: into a running service and without one, killed on the way, and typed wrongly.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readCommandLine } from '../../services/identity/src/cli/command-line.ts'
import { commandOf, runCommand } from '../../services/identity/src/cli/commands.ts'
import { applyRegistry } from '../../services/identity/src/directory/registry.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { readDirectory } from '../directory/import-state.ts'
import { bareEnvironment } from '../support/bare-environment.ts'
import { embeddedPlace, onPostgresql, type Place } from '../support/databases.ts'
import { registry, startIdentity } from '../support/identity.ts'
import { freePort, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'
import { meridian, startMeridian } from '../support/meridian-command.ts'

t.setTimeout(180_000)

const ORGANIZATIONS = `slug,name,contact_name,contact_email,regions,tier
initech,Initech,Ann,ann@new.test,in us,premium
nowhere,Nowhere,Ann,ann@new.test,mars,
`
const PEOPLE = `email,name,org,region,role
ann@new.test,Ann,initech,in,owner
bob@new.test,"Bob ""B"", the first",initech,us,user
eve@new.test,Eve,nowhere,in,user
cy@new.test,Cy,,,
too,few
`

async function openStore(t: Test, place: Place) {
  const db = await openIdentityStore(place)
  t.teardown(() => db.close())
  await applyRegistry({ db }, registry)
  return db
}

t.test('tables go into the running service line by line; a document goes in where none runs', async (t) => {
  const folder = t.testdir({
    'organizations.csv': ORGANIZATIONS,
    'people.csv': PEOPLE,
    'more.ndjson': [
      '{"kind": "person", "email": "dee@new.test", "name": "Dee"}',
      '{"kind": "membership", "email": "dee@new.test", "org": "initech", "region": "us", "role": "viewer"}',
      '{"kind": "unknown"}',
    ].join('\n'),
    'document.json': JSON.stringify({
      organizations: [],
      people: [
        { email: 'ann@new.test', name: 'Ann', memberships: [{ org: 'initech', region: 'in', role: 'manager' }] },
      ],
    }),
  })
  const data = join(folder, 'data')
  const environment = identityEnvironment({ port: await freePort(), smtpPort: await freePort(), dataFolder: data })
  const operator = { ...bareEnvironment, DATA_FOLDER: data }
  const file = (name: string) => join(folder, name)
  const files = ['organizations.csv', 'people.csv', 'more.ndjson'].map(file)
  const service = await spawnIdentity(environment)
  t.teardown(() => service.kill())

  const dry = await meridian(operator, 'import', ...files, '--map', 'user=member', '--dry-run', '--json')
  const report = file('report.ndjson')
  const done = await meridian(operator, 'import', ...files, '--map', 'user=member', '--report', report, '--json')
  t.strictSame([dry.code, done.code], [1, 1], 'lines were left out')
  const { dry_run: isDryRun, ...rehearsed } = JSON.parse(dry.out)
  t.equal(isDryRun, true)
  const { dry_run: _, ...result } = JSON.parse(done.out)
  t.strictSame(rehearsed, result, 'a dry run says what the run then says')
  t.match(result, {
    organizations: { added: 1, known: 0, refused: 1 },
    people: { added: 5, known: 0, refused: 0 },
    memberships: { added: 3, known: 0, refused: 1 },
    left_out: 4,
  })
  const kept = (await readFile(report, 'utf8')).trim().split('\n')
  t.strictSame(
    kept.map((line) => `${JSON.parse(line).where.replace(`${folder}/`, '')} ${JSON.parse(line).code}`).sort(),
    [
      'more.ndjson:3 malformed',
      'organizations.csv:3 unknown_region',
      'people.csv:4 unknown_org',
      'people.csv:6 malformed',
    ],
  )
  for (const line of kept) t.match(done.err, JSON.parse(line).hint)

  const shown = await meridian(operator, 'org', 'show', 'initech', '--json')
  t.match(JSON.parse(shown.out), { status: 'active', regions: ['in', 'us'], home_region: 'in' })
  t.equal(await service.stop(), 0)

  const again = await meridian(operator, 'import', file('document.json'))
  t.match(again, { code: 0, out: /people:\n {2}added: 0\n {2}known: 1\n/ })
})

t.test(
  'what cannot be an import is refused before anything is written, and the service hears nothing of it',
  async (t) => {
    const folder = t.testdir({
      'people.csv': PEOPLE,
      'broken.csv': 'email,name\n"open',
      'strange.csv': 'email,colour\n',
      'half.csv': 'slug,name\ninitech,Initech\n',
      'both.csv': 'slug,name,contact_name,contact_email,regions,email\na,b,c,d,e,f\n',
      'flat.csv': 'email,org,region,org_name\na,b,c,d\n',
      'no.json': '[]',
      people: '',
    })
    const wrong: readonly [typed: string, isUsage: boolean, message: RegExp][] = [
      ['', true, /files: /],
      ['people', true, /say what it is: --format csv\|json\|ndjson/],
      ['people.csv --format xml', true, /format: /],
      ['people.csv --map user', true, /map: is written as owner=manager/],
      ['people.csv --batch 501', true, /batch: /],
      ['people.csv --batch 0', true, /batch: /],
      ['absent.csv', false, /absent.csv: cannot be read \(ENOENT\)/],
      ['broken.csv', false, /broken.csv: line 2: a quote is not closed/],
      ['strange.csv', false, /strange.csv: line 1: there is no column "colour"/],
      ['half.csv', false, /half.csv: missing columns: contact_name, contact_email, regions/],
      ['both.csv', false, /both.csv: columns of another table: email/],
      ['flat.csv', false, /flat.csv: missing columns: contact_name, contact_email/],
      ['no.json', false, /no.json: is no JSON document/],
    ]
    const prepare = (typed: string) => {
      const words = typed.split(' ').filter((word) => word !== '')
      const line = readCommandLine([
        'import',
        ...words.map((word) => (word.includes('.') || word === 'people' ? join(folder, word) : word)),
      ])
      if ('help' in line) throw new Error(line.help)
      return commandOf('import').prepare?.(line.given, () => {})
    }
    for (const [typed, isUsage, message] of wrong) {
      await t.rejects(async () => prepare(typed), { isUsage, message }, typed)
    }
    const identity = await startIdentity(t, await embeddedPlace('identity'))
    for (const [option, message] of [
      ['--map user=king', /roles\.map\.user/],
      ['--default-role king', /roles\.fallback/],
    ] as const) {
      const prepared = await prepare(`people.csv ${option}`)
      await t.rejects(
        runCommand(identity.deps, 'import', prepared?.input, () => {}),
        { isUsage: true, message },
        option,
      )
    }
  },
)

await onPostgresql(t, 'killed on the way and run again, an import ends where it would have', async (t, makePlace) => {
  const rows = Array.from({ length: 3000 }, (_, index) => {
    const org = `org-${index % 40}`
    const role = index < 40 ? 'admin' : 'member'
    return `p${index}@new.test,Person ${index},${org},Org ${org},Contact,c@new.test,${index % 2 ? 'in' : 'us'},${role}`
  })
  const header = 'email,name,org,org_name,contact_name,contact_email,region,role'
  const folder = t.testdir({ 'all.csv': [header, ...rows].join('\n') })
  const [killedAt, leftAlone] = [await makePlace('identity'), await makePlace('identity')]
  const killed = await openStore(t, killedAt)
  const whole = await openStore(t, leftAlone)
  const environment = (place: Place) => ({ ...bareEnvironment, DATABASE_URL: place.url, DATA_FOLDER: folder })
  const args = ['import', join(folder, 'all.csv'), '--batch', '50', '--json'] as const
  const count = async (): Promise<number> => {
    const text = 'SELECT (SELECT count(*) FROM user_account) + (SELECT count(*) FROM membership) AS n'
    return Number((await killed.sql({ name: 'count', text }, []))[0]?.['n'])
  }
  let seen = 0
  for (const wanted of [1, 3500]) {
    const process = startMeridian(environment(killedAt), ...args)
    while (process.exitCode === null && (await count()) < wanted) await wait(20)
    process.kill('SIGKILL')
    await new Promise((resolve) => (process.signalCode === null ? process.once('exit', resolve) : resolve(null)))
    seen = await count()
    t.ok(seen >= wanted && seen < 6000, `killed with ${seen} of 6000 rows written`)
  }
  const again = await meridian(environment(killedAt), ...args)
  t.match(again, { code: 0 }, again.err)
  const once = await meridian(environment(leftAlone), ...args)
  t.match(JSON.parse(once.out), { people: { added: 3000 }, memberships: { added: 3000 }, left_out: 0 })
  t.equal(JSON.parse(again.out).people.known + JSON.parse(again.out).people.added, 3000)
  t.strictSame(await readDirectory(killed), await readDirectory(whole))
})
