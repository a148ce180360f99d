// The operator's commands as they are typed: what each says of itself, what it refuses, and that what it does by the
// running service and without one is the same.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readCommandLine } from '../../services/identity/src/cli/command-line.ts'
import { COMMANDS, type CommandName, commandOf, runCommand } from '../../services/identity/src/cli/commands.ts'
import { createProgress } from '../../services/identity/src/cli/progress-text.ts'
import { bareEnvironment } from '../support/bare-environment.ts'
import { dumpOf } from '../support/database-dump.ts'
import { embeddedPlace, onPostgresql } from '../support/databases.ts'
import { type IdentityUnderTest, type Instance, makeSysAdmin, signIn, startIdentity } from '../support/identity.ts'
import { freePort, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'
import { meridian } from '../support/meridian-command.ts'
import { ask, fire, UNHURRIED } from '../support/races.ts'

t.setTimeout(180_000)

const NAMES = Object.keys(COMMANDS) as CommandName[]
const typed = (text: string) => readCommandLine(text.split(' ').filter((word) => word !== ''))

t.test('every command says what it takes, and takes what it says', async (t) => {
  const all = readCommandLine([])
  t.ok('help' in all)
  for (const name of NAMES) {
    const { usage, summary, operands = [], input, prepare } = commandOf(name)
    t.match('help' in all && all.help, `  ${usage}\n      ${summary}`, `${name} is listed`)
    const own = typed(`${name} --help`)
    t.match('help' in own && own.help, `Usage: meridian ${usage}\n`)
    t.notMatch('help' in own && own.help, /^--[a-z-]+( [A-Z]+)? {2,}/m, `${name}: its options stand in one column`)
    t.ok(usage.startsWith(name))
    if (prepare !== undefined) continue
    const options = [...usage.matchAll(/--([a-z-]+)/g)].map(([, option = '']) =>
      option.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    )
    const named = [...options, ...operands.map((operand) => operand.replace('…', ''))]
    t.strictSame(named.sort(), Object.keys((input as unknown as { shape: object }).shape).sort(), `${name}: input`)
  }
})

t.test('what is typed wrongly is told with what would be right', (t) => {
  const wrong: readonly [text: string, message: RegExp][] = [
    ['nothing', /There is no command "nothing"\. Try: meridian --help/],
    ['org', /Which of them\?[\s\S]*org create --slug/],
    ['org nothing', /Which of them\?/],
    ['org show acme extra', /Unexpected argument 'extra'[\s\S]*Usage: meridian org show ORG/],
    ['org show acme --colour', /Unknown option '--colour'[\s\S]*Usage: meridian org show ORG/],
    ['org show acme --dry-run', /Unknown option '--dry-run'/],
    ['sys-admin create --email', /argument missing[\s\S]*Usage: meridian sys-admin create/],
  ]
  for (const [text, message] of wrong) t.throws(() => typed(text), { isUsage: true, message }, text)
  t.strictSame(typed('org license acme a b --dry-run --json'), {
    name: 'org license',
    given: { dryRun: true, org: 'acme', modules: ['a', 'b'] },
    isJson: true,
  })
  t.match(typed('org create --region in --region us'), { given: { region: ['in', 'us'] } })
  t.end()
})

t.test('progress is a line that changes on a terminal, and now and then a line elsewhere', (t) => {
  let now = 0
  const written: string[] = []
  const progress = (isTerminal: boolean) =>
    createProgress({ isTerminal, write: (text) => void written.push(text), now: () => now })
  const elsewhere = progress(false)
  for (const [second, done] of [1, 2, 3.5, 4, 6.6].entries()) {
    now = done * 1000
    elsewhere(second, 9)
  }
  t.strictSame(written.splice(0), ['2 of 9\n', '4 of 9\n'])
  const terminal = progress(true)
  terminal(1, 2)
  terminal(2, 2)
  t.strictSame(written, ['\r1 of 2', '\r2 of 2\n'])
  t.end()
})

async function started(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const run = (text: string, more: object = {}) => {
    const line = typed(text)
    if ('help' in line) throw new Error(line.help)
    return runCommand(identity.deps, line.name, { ...line.given, ...more }, () => {})
  }
  return { identity, run }
}

const CREATE = 'org create --slug initech --region in --manager-email ann@new.test'
const names = { name: 'Initech', managerName: 'Ann' }

/** Without what the sealing of the audit and other work in the background may change. */
async function unchanged(t: Test, identity: IdentityUnderTest, work: () => Promise<unknown>, title: string) {
  const before = await dumpOf(identity)
  const result = await work()
  t.equal(await dumpOf(identity), before, title)
  return result
}

t.test('an organization, from its making to its end, without a sys-admin', async (t) => {
  const { identity, run } = await started(t)
  const dry = await unchanged(t, identity, () => run(`${CREATE} --dry-run`, names), 'a dry run writes nothing')
  t.match(dry, { dry_run: true, slug: 'initech', regions: ['in'] })
  t.match(await run(CREATE, names), { dry_run: false, slug: 'initech', status: 'active' })
  t.equal((await signIn(identity, 'ann@new.test')).status, 200)
  await t.rejects(run(CREATE, names), { isUsage: false, message: /^Refused: the slug is taken/ })
  await t.rejects(
    run(`${CREATE} --dry-run`, names),
    { message: /^Refused: the slug is taken/ },
    'a dry run says so too',
  )
  await t.rejects(run('org create --slug initech --region in', names), {
    isUsage: true,
    message: /^ {2}--manager-email: /m,
  })

  t.match(await run('org add-region initech us'), { regions: ['in', 'us'] })
  t.match(await run('org remove-region initech us'), { regions: ['in'] })
  await t.rejects(run('org remove-region initech in'), { message: /the last region\.\n {2}It is in no other region/ })
  t.match(await run('org status initech suspended'), { status: 'suspended' })
  await unchanged(t, identity, () => run('org status initech active --dry-run'), 'a dry run of a change')
  t.match(await run('org show initech'), { status: 'suspended' })
  t.match(await run('org status initech active'), { status: 'active' })
  await t.rejects(run('org first-manager initech --email x@new.test', { name: 'X' }), {
    message: /somebody manages it/,
  })
  t.match(await run('org delete initech'), { status: 'deleted' })
  t.match(await run('org list --status deleted'), { orgs: [{ slug: 'initech' }], next_cursor: null })
  t.match(await run('org restore initech'), { status: 'active' })
  t.match(await run('org list --search init'), { orgs: [{ slug: 'initech' }] })
  await t.rejects(run('org show unknown'), { message: 'Refused: no such organization.' })
  await t.rejects(run('org license initech nothing'), { message: /INVALID_MODULE|no such module|nothing/ })
  const catalogue =
    "INSERT INTO module (key, name, kind) VALUES ('crm', 'CRM', 'standalone'), ('hr', 'HR', 'standalone')"
  await identity.db.sql({ name: 'catalogue', text: catalogue }, [])
  const licensed = async (text: string) => JSON.stringify(await run(`org license initech ${text}`))
  t.match(await licensed('crm hr'), /crm.*hr/)
  t.match(await licensed('hr'), /"hr"/)
  t.notMatch(await licensed(''), /"crm"/)
  t.notMatch(await licensed('--none'), /"hr"/)
  await t.rejects(licensed('hr --none'), { isUsage: true, message: /none: --none stands alone/ })

  const events = await identity.db.sql(
    {
      name: 'events_of_commands',
      text: `SELECT e.kind, e.outcome, e.actor_kind, e.actor_user_id, e.client_id, e.request_id FROM audit_event e
        JOIN organization o ON o.id = e.org_id AND o.slug = 'initech' WHERE e.kind LIKE 'organization.%' ORDER BY e.id`,
    },
    [],
  )
  const did = ['created', 'region_added', 'region_withdrawn', 'status_changed', 'status_changed', 'deleted', 'restored']
  const kinds = events.filter(({ outcome }) => outcome === 'success').map(({ kind }) => kind)
  t.strictSame(
    kinds,
    did.map((kind) => `organization.${kind}`),
  )
  const nobody = { actor_kind: 'nobody', actor_user_id: null, client_id: null, request_id: 'command' }
  for (const event of events) t.match(event, nobody, `${event['kind']}: by a command, as nobody`)
})

t.test('a person is found by the exact address, locked and let in again', async (t) => {
  const { identity, run } = await started(t)
  const { users } = (await run('user find --email LIN@acme.test')) as { users: { id: string }[] }
  const id = users[0]?.id ?? ''
  t.match(users, [{ status: 'active', memberships: [{ org: { slug: 'acme' }, region: 'in' }] }])
  t.notMatch(JSON.stringify(users), /lin@acme\.test|Lin/, 'neither address nor name is told')
  t.match(await run('user find --email stranger@new.test'), { users: [] })
  const session = await signIn(identity, 'lin@acme.test')
  const account = () => identity.get('/v1/me', String(session.body['access_token']))
  await unchanged(t, identity, () => run(`user disable ${id} --reason abuse --dry-run`), 'a dry run locks nobody')
  t.equal((await account()).status, 200)
  t.match(await run(`user disable ${id} --reason abuse`), { status: 'disabled' })
  t.equal((await account()).status, 401)
  t.match(await run(`user enable ${id} --reason resolved`), { status: 'active' })
  t.equal((await signIn(identity, 'lin@acme.test')).status, 200)
  await t.rejects(run(`user disable ${id} --reason because`), { isUsage: true, message: /reason: / })
  await t.rejects(run('user disable 01890a5d-ac96-774b-bcce-b302099a8057 --reason abuse'), {
    message: /no such person/,
  })
  const max = (await run('user find --email max@globex.test')) as { users: { id: string }[] }
  const locked = `user disable ${max.users[0]?.id} --reason abuse`
  const refused = () => t.rejects(run(`${locked} --dry-run`), { message: /last manager/ })
  await unchanged(t, identity, refused, 'nor is it recorded what a dry run is refused')
  await t.rejects(run(locked), { message: /last manager/ })
  t.match(await run(`user erase-status ${id}`), { status: 'active', erasure: { ordered: 0, acknowledged: 0 } })
})

t.test('the state of the service is shown in numbers', async (t) => {
  const { identity, run } = await started(t)
  await makeSysAdmin(identity)
  await identity.db.sql({ name: 'seen', text: "UPDATE region SET last_seen = meridian_now() WHERE code = 'in'" }, [])
  const orders = `INSERT INTO erasure_order (id, kind, subject_id, region, created_at)
    SELECT gen_random_uuid(), 'user', gen_random_uuid(), 'us', meridian_now() - interval '90 seconds'`
  await identity.db.sql({ name: 'order', text: orders }, [])
  await identity.post('/oauth/challenge', {
    client_id: 'native',
    method: 'email',
    contact: 'lin@acme.test',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  const { regions, queues, ...rest } = (await run('status')) as Record<string, object[]>
  t.match(rest, { epoch: '1', without_manager: 0 })
  t.match(regions, [
    {
      code: 'in',
      status: 'active',
      last_seen: /^\d{4}-/,
      keys_held: 0,
      erasures_open: 0,
      oldest_erasure_seconds: null,
    },
    { code: 'us', last_seen: null, erasures_open: 1 },
  ])
  const [mail, jobs] = queues as [Record<string, number>, Record<string, number>]
  t.match(mail, { queue: 'mail', waiting: 1 })
  t.match(jobs, { queue: 'jobs', waiting: 0, oldest_seconds: null })
  t.match(await run('sys-admin list'), { sys_admins: [{ email: 'root@example.test', status: 'active' }] })
})

t.test('a chain of the audit waits for its signature from when that is due', async (t) => {
  const { identity, run } = await started(t)
  const waiting = async (age: string) => {
    await ask(
      identity,
      `INSERT INTO audit_chain (chain, seq, hash, unsigned_since) VALUES (gen_random_uuid(), 1, sha256('x'),
        meridian_now() - interval '${age}')`,
    )
    const { queues } = (await run('status')) as { queues: readonly Record<string, unknown>[] }
    return queues.find(({ queue }) => queue === 'audit chains to sign')
  }
  t.match(await waiting('59 minutes'), { waiting: 0, oldest_seconds: null })
  const overdue = await waiting('70 minutes')
  t.match(overdue, { waiting: 1 })
  t.ok(Number(overdue?.['oldest_seconds']) < 3600, 'its age is how long it is overdue')
})

t.test('a file of the audit is there once it is whole', async (t) => {
  const { identity, run } = await started(t)
  const folder = t.testdir()
  const year = { from: '2026-01-01T00:00:00Z', to: '2026-12-31T00:00:00Z', output: join(folder, 'audit.ndjson') }
  await ask(identity, 'ALTER TABLE audit_checkpoint RENAME TO away')
  await t.rejects(run('audit export', year))
  t.strictSame(await readdir(folder), [], 'nothing is left of a failure')
  await ask(identity, 'ALTER TABLE away RENAME TO audit_checkpoint')
  t.match(await run('audit export', year), { output: year.output })
  await t.rejects(run('audit export', year), { message: /cannot be written: EEXIST/ }, 'none is replaced')
  t.strictSame(await readdir(folder), ['audit.ndjson'])
  await t.rejects(run('audit export', { ...year, to: 'y' }), { isUsage: true, message: /--to: / })
})

const appoint = (environment: NodeJS.ProcessEnv, index: number) =>
  meridian(environment, 'sys-admin', 'create', '--email', `root${index}@new.test`, '--name', 'Root')

await onPostgresql(t, 'of many who appoint a first sys-admin at once, one does', async (t, makePlace) => {
  const place = await makePlace('identity')
  const identity = await startIdentity(t, place, { instances: 2, withPeople: false })
  const environment = { ...bareEnvironment, DATABASE_URL: place.url, DATA_FOLDER: t.testdir() }
  const calls = Array.from({ length: 16 }, (_, index) => async ({ deps }: Instance) => {
    const person = { email: `root${index}@new.test`, name: 'Root' }
    return runCommand(deps, 'sys-admin create', person, () => {}).catch((error: Error) => error.message)
  })
  const answers = await fire(identity, calls)
  const refused = answers.filter((answer) => answer === 'Refused: there is a sys-admin already.')
  t.equal(refused.length, calls.length - 1)
  const after = await appoint(environment, 99)
  t.match(
    after,
    { code: 1, out: '', err: 'Refused: there is a sys-admin already.\n' },
    'and later nobody, from any process',
  )
})

t.test('so it is at a running service, which no address but its own socket takes commands', async (t) => {
  const environment = identityEnvironment({
    port: await freePort(),
    smtpPort: await freePort(),
    dataFolder: t.testdir(),
  })
  const service = await spawnIdentity(environment)
  t.teardown(() => service.kill())
  const operator = { ...bareEnvironment, DATA_FOLDER: environment['DATA_FOLDER'] }
  const ran = await Promise.all([1, 2, 3].map((index) => appoint(operator, index)))
  t.strictSame(ran.map(({ code }) => code).sort(), [0, 1, 1])
  t.match(await meridian(operator, 'status'), { code: 0, out: /regions:\n {2}code in · status active/ })
  t.match(await meridian(operator, 'org', 'status', 'acme'), {
    code: 2,
    err: / {2}STATUS: .*\nUsage: meridian org status/,
  })
})
