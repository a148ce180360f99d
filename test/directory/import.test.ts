// An import of another system's organizations, people and memberships: what it adds, what it leaves alone, what it leaves
// out and says so, and that being cut off anywhere does no harm.
import t, { type Test } from 'tap'
import {
  type ImportIssue,
  type ImportLine,
  issueOf,
  type RoleTable,
  roleOf,
} from '../../services/identity/src/directory/import-records.ts'
import { type ImportOptions, importRecords } from '../../services/identity/src/directory/import-run.ts'
import { appointSysAdmin } from '../../services/identity/src/store/sys-admins.ts'
import { findUserByEmail } from '../../services/identity/src/store/users.ts'
import { dumpOf } from '../support/database-dump.ts'
import { eachEngine, embeddedPlace, onPostgresql } from '../support/databases.ts'
import { changeAddress, startEmbedded } from '../support/email-change.ts'
import { type IdentityUnderTest, makeSysAdmin, signIn, startIdentity } from '../support/identity.ts'
import { readDirectory } from './import-state.ts'

type MakePlace = Parameters<Parameters<typeof eachEngine>[2]>[1]

const contact = { name: 'Contact', email: 'contact@new.test' }
const org = (slug: string, regions: readonly string[], more: object = {}) => ({
  kind: 'organization',
  slug,
  name: `The ${slug}`,
  primary_contact: contact,
  regions,
  ...more,
})
const person = (email: string, name = 'Somebody') => ({ kind: 'person', email, name })
const member = (email: string, slug: string, region: string, role?: string) => ({
  kind: 'membership',
  email,
  org: slug,
  region,
  ...(role === undefined ? {} : { role }),
})

const located = (records: readonly object[]): ImportLine[] =>
  records.map((record, index) => ({ where: `file:${index + 1}`, record }))

async function run(identity: Pick<IdentityUnderTest, 'deps'>, records: readonly object[], options: ImportOptions = {}) {
  const issues: ImportIssue[] = []
  const onIssue = (issue: ImportIssue) => void issues.push(issue)
  const summary = await importRecords(identity.deps, located(records), { onIssue, ...options })
  return { summary, issues, codes: issues.map(({ where, code }) => `${where} ${code}`) }
}

const empty = async (t: Test, makePlace: MakePlace) => {
  return startIdentity(t, await makePlace('identity'), { withPeople: false })
}
const emptyEmbedded = async (t: Test) => startIdentity(t, await embeddedPlace('identity'), { withPeople: false })

const FIRST = [
  org('initech', ['in', 'us'], { subscription_tier: 'premium' }),
  org('umbrella', ['us']),
  person('ann@new.test', 'Ann'),
  person('bob@new.test', 'Bob'),
  person('cy@new.test', 'Cy'),
  member('ann@new.test', 'initech', 'in', 'owner'),
  member('ann@new.test', 'initech', 'us', 'viewer'),
  member('bob@new.test', 'initech', 'us', 'Admin '),
  member('cy@new.test', 'umbrella', 'us', 'manager'),
]

await eachEngine(t, 'an import adds what is not there; a second one changes nothing', async (t, makePlace) => {
  const identity = await empty(t, makePlace)
  const { summary, issues } = await run(identity, FIRST)
  t.strictSame(issues, [])
  t.strictSame(summary, {
    organizations: { added: 2, known: 0, refused: 0 },
    people: { added: 3, known: 0, refused: 0 },
    memberships: { added: 4, known: 0, refused: 0 },
    without_manager: { count: 0, slugs: [] },
    suspended_until_managed: { count: 0, slugs: [] },
  })
  const { people, places, memberships, organizations } = await readDirectory(identity.db)
  t.equal(people?.length, 3)
  t.strictSame(places, [
    { slug: 'initech', region: 'in' },
    { slug: 'initech', region: 'us' },
    { slug: 'umbrella', region: 'us' },
  ])
  t.match(organizations, [{ subscription_tier: 'premium', home_region: 'in' }, { subscription_tier: 'standard' }])
  t.strictSame(
    memberships?.map((row) => Object.values(row).join(' ')),
    [
      'manager initech ann@new.test in active',
      'viewer initech ann@new.test us active',
      'manager initech bob@new.test us active',
      'manager umbrella cy@new.test us active',
    ],
  )
  const before = await dumpOf(identity)
  t.match((await run(identity, FIRST)).summary, {
    organizations: { added: 0, known: 2, refused: 0 },
    people: { added: 0, known: 3, refused: 0 },
    memberships: { added: 0, known: 4, refused: 0 },
  })
  t.equal(await dumpOf(identity), before, 'not one row, not even of the audit')
})

t.test('an imported address is verified: its owner signs in, and acts where the import says', async (t) => {
  const identity = await emptyEmbedded(t)
  await run(identity, FIRST)
  const { body } = await signIn(identity, 'ann@new.test')
  const { contexts } = (await identity.get('/v1/me/contexts', String(body['access_token']))).body
  t.match(contexts, [
    { org: { slug: 'initech' }, region: { code: 'in' }, role: 'manager' },
    { org: { slug: 'initech' }, region: { code: 'us' }, role: 'viewer' },
  ])
})

t.test('roles of other systems become ours by a table, and a role that nobody explained is none', async (t) => {
  const table: RoleTable = { map: { user: 'member', admin: 'viewer' } }
  const roles = (role: RoleTable) =>
    ['owner', ' ADMIN', 'user', 'member', 'root', 'constructor', '__proto__', '', undefined].map((name) =>
      roleOf(name, role),
    )
  t.strictSame(roles(table), ['manager', 'viewer', 'member', 'member', ...Array(5).fill(undefined)])
  t.strictSame(roles({ map: {}, fallback: 'viewer' }).slice(4), [undefined, undefined, undefined, 'viewer', 'viewer'])
  t.equal(roleOf('admin', { map: {} }), 'manager')

  const identity = await emptyEmbedded(t)
  const people = [org('initech', ['in']), person('a@new.test'), person('b@new.test'), person('c@new.test')]
  const roled = [
    member('a@new.test', 'initech', 'in', 'boss'),
    member('b@new.test', 'initech', 'in', 'superuser'),
    member('c@new.test', 'initech', 'in'),
  ]
  const { summary, codes } = await run(identity, [...people, ...roled], { roles: { map: { boss: 'manager' } } })
  t.strictSame(codes, ['file:6 unknown_role', 'file:7 unknown_role'])
  t.match(summary.memberships, { added: 1, refused: 2 })
})

t.test('what cannot be brought in is left out and told with its line; the rest is there', async (t) => {
  const identity = await startEmbedded(t)
  await makeSysAdmin(identity)
  await changeAddress(identity, 'ada@acme.test', 'ada@elsewhere.test')
  const sql = (text: string) => identity.db.sql({ name: `prepare ${text}`, text }, [])
  await sql("UPDATE user_account SET status = 'disabled' WHERE email = 'nobody@example.test'")
  await sql(
    `UPDATE membership SET status = 'removed' FROM user_account u WHERE u.id = user_id AND u.email = 'lin@acme.test'`,
  )
  await run(identity, [org('closed', ['in']), org('renamed', ['in'])])
  await sql(
    `UPDATE organization SET status = 'deleted', deleted_at = meridian_now(), delete_after = meridian_now()
    WHERE slug = 'closed'`,
  )
  await sql(`INSERT INTO slug_alias (slug, org_id, kept_until)
    SELECT 'formerly', id, meridian_now() + interval '1 day' FROM organization WHERE slug = 'renamed'`)
  const cases: readonly [record: object, code: string | undefined][] = [
    [org('mars', ['in', 'mars']), 'unknown_region'],
    [org('www', ['in']), 'malformed'],
    [org('purged-1', ['in']), 'malformed'],
    [org('nowhere', []), 'malformed'],
    [org('initech', ['in'], { colour: 'red' }), 'malformed'],
    [org('closed', ['in']), 'org_closed'],
    [org('formerly', ['in']), 'slug_kept'],
    [org('globex', ['in', 'us']), undefined],
    [person('not an address'), 'malformed'],
    [person('x@new.test', ' '), 'malformed'],
    [person('ada@acme.test'), 'email_held'],
    [person('Sam@BOTH.test', 'Another name'), undefined],
    [person('new@new.test', 'New'), undefined],
    [member('new@new.test', 'mars', 'in', 'member'), 'unknown_org'],
    [member('new@new.test', 'formerly', 'in', 'member'), 'unknown_org'],
    [member('new@new.test', 'closed', 'in', 'member'), 'org_closed'],
    [member('new@new.test', 'acme', 'mars', 'member'), 'unknown_region'],
    [member('new@new.test', 'renamed', 'us', 'member'), 'unknown_region'],
    [member('stranger@new.test', 'acme', 'in', 'member'), 'unknown_person'],
    [member('root@example.test', 'acme', 'in', 'member'), 'sys_admin'],
    [member('nobody@example.test', 'acme', 'in', 'member'), 'account_locked'],
    [member('lin@acme.test', 'acme', 'in', 'member'), 'was_removed'],
    [member('sam@both.test', 'acme', 'in', 'manager'), 'role_differs'],
    [member('sam@both.test', 'acme', 'in', 'member'), undefined],
    [member('new@new.test', 'globex', 'in', 'member'), undefined],
    [member('NEW@new.test ', 'globex', 'in', 'member'), undefined],
    [member('new@new.test', 'globex', 'in', 'viewer'), 'role_differs'],
    [{ kind: 'secret' }, 'malformed'],
  ]
  const expected = cases.flatMap(([, code], index) => (code === undefined ? [] : [`file:${index + 1} ${code}`]))
  const before = await readDirectory(identity.db)
  for (const isDryRun of [true, false]) {
    const { codes, issues, summary } = await run(
      identity,
      cases.map(([record]) => record),
      { isDryRun },
    )
    t.strictSame([...codes].sort(), [...expected].sort(), isDryRun ? 'a dry run says the same' : 'a run')
    t.match(summary, {
      organizations: { added: 0, known: 1, refused: 7 },
      people: { added: 1, known: 1, refused: 3 },
      memberships: { added: 1, known: 2, refused: 11 },
    })
    t.ok(
      issues.every(({ hint }) => hint.length > 10),
      'each says what to do',
    )
    t.notMatch(JSON.stringify(issues), /@(new|acme|both|example)\.test/, 'and names nobody')
    if (isDryRun) t.strictSame(await readDirectory(identity.db), before)
  }
  const after = await readDirectory(identity.db)
  const added = (name: string) => {
    const known = new Set(before[name]?.map((row) => JSON.stringify(row)))
    return after[name]?.filter((row) => !known.has(JSON.stringify(row)))
  }
  t.strictSame(added('organizations'), [])
  t.strictSame(added('places'), [{ slug: 'globex', region: 'in' }], 'a region that is new to an organization')
  t.match(added('people'), [{ email: 'new@new.test', name: 'New' }])
  t.match(added('memberships'), [{ email: 'new@new.test', slug: 'globex', region: 'in', role: 'member' }])
  t.equal(added('memberships')?.length, 1)
})

t.test('a dry run says what a run then does, and writes nothing', async (t) => {
  const identity = await emptyEmbedded(t)
  const records = [
    ...FIRST,
    org('unled', ['in']),
    member('bob@new.test', 'unled', 'in', 'member'),
    person('ann@new.test', 'Again'),
    member('ann@new.test', 'initech', 'in', 'member'),
  ]
  const before = await dumpOf(identity)
  const rehearsed = await run(identity, records, { isDryRun: true, batchSize: 2 })
  t.equal(await dumpOf(identity), before)
  t.strictSame(rehearsed.summary.without_manager, { count: 1, slugs: ['unled'] })
  t.match(rehearsed.summary.suspended_until_managed, { count: 1, slugs: ['unled'], what_to_do: /first-manager/ })
  t.strictSame(await run(identity, records, { batchSize: 2 }), rehearsed)
})

async function write(identity: Pick<IdentityUnderTest, 'db'>, text: string): Promise<void> {
  await identity.db.sql({ name: `written ${text}`, text }, [])
}

async function readStatuses(identity: Pick<IdentityUnderTest, 'db'>): Promise<Record<string, unknown>> {
  const rows = await identity.db.sql(
    { name: 'statuses', text: 'SELECT slug, status FROM organization ORDER BY slug' },
    [],
  )
  return Object.fromEntries(rows.map(({ slug, status }) => [slug, status]))
}

await eachEngine(
  t,
  'what an import makes is open once it has a manager, by it or by a later one',
  async (t, makePlace) => {
    const identity = await empty(t, makePlace)
    const { summary } = await run(identity, [...FIRST, org('unled', ['in']), org('alone', ['us'])])
    t.strictSame(summary.without_manager, { count: 2, slugs: ['alone', 'unled'] })
    t.match(summary.suspended_until_managed, { count: 2, slugs: ['alone', 'unled'], what_to_do: /first-manager/ })
    const open = { initech: 'active', umbrella: 'active' }
    t.strictSame(await readStatuses(identity), { alone: 'suspended', ...open, unled: 'suspended' })
    const rehearsed = await run(identity, [member('bob@new.test', 'unled', 'in', 'manager')], { isDryRun: true })
    t.match(rehearsed.summary.suspended_until_managed, { count: 1, slugs: ['alone'] })
    const led = await run(identity, [member('bob@new.test', 'unled', 'in', 'manager')])
    t.match(led.summary.suspended_until_managed, { count: 1, slugs: ['alone'] })
    t.strictSame(await readStatuses(identity), { alone: 'suspended', ...open, unled: 'active' })
    const [opened] = await identity.db.sql(
      {
        name: 'openings',
        text: `SELECT count(*)::int AS number FROM audit_event
        WHERE kind = 'organization.status_changed'`,
      },
      [],
    )
    t.equal(opened?.['number'], 3, 'two were suspended, one was opened')
  },
)

t.test('an import leaves the state of what was there before, and what somebody has decided since', async (t) => {
  const identity = await emptyEmbedded(t)
  await run(identity, [...FIRST, org('alone', ['us'])])
  await write(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'umbrella'`)
  await write(identity, `UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE slug = 'alone'`)
  await write(identity, `UPDATE organization SET status = 'suspended', deleted_at = NULL WHERE slug = 'alone'`)
  await write(
    identity,
    `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email)
      VALUES (gen_random_uuid(), 'older', 'Older', 'Contact', 'contact@new.test')`,
  )
  const managers = ['umbrella', 'alone'].map((slug) => member('bob@new.test', slug, 'us', 'manager'))
  const { summary, issues } = await run(identity, [org('older', ['in']), ...managers])
  t.strictSame(issues, [])
  const expected = { alone: 'suspended', initech: 'active', older: 'active', umbrella: 'suspended' }
  t.strictSame(await readStatuses(identity), expected)
  t.strictSame(summary.without_manager, { count: 1, slugs: ['older'] })
  t.strictSame(summary.suspended_until_managed, { count: 0, slugs: [] })
})

t.test('cut off after any line and run again, an import ends where one that was left alone ends', async (t) => {
  const whole = await emptyEmbedded(t)
  const cut = await emptyEmbedded(t)
  await run(whole, FIRST)
  const expected = await readDirectory(whole.db)
  const wipe = [
    "SET session_replication_role = 'replica'",
    'TRUNCATE membership, organization_region, organization, user_account CASCADE',
    'RESET session_replication_role',
  ]
  async function* until(line: number): AsyncGenerator<ImportLine> {
    yield* located(FIRST.slice(0, line))
    throw new Error('killed')
  }
  for (let line = 0; line <= FIRST.length; line += 1) {
    for (const text of wipe) await cut.db.sql({ name: text.slice(0, 30), text }, [])
    await t.rejects(importRecords(cut.deps, until(line), { batchSize: 2 }), { message: 'killed' })
    const { issues } = await run(cut, FIRST, { batchSize: 2 })
    t.strictSame([issues, await readDirectory(cut.db)], [[], expected], `after line ${line}`)
  }
})

t.test('a batch is one transaction of 500 lines at most; who did it is recorded with it, and no address', async (t) => {
  const identity = await emptyEmbedded(t)
  const count = 1100
  const people = Array.from({ length: count }, (_, index) => person(`p${index}@new.test`))
  const roles = people.map(({ email }, index) =>
    member(email, index % 2 === 0 ? 'initech' : 'umbrella', 'us', 'member'),
  )
  const done: number[] = []
  const options = { batchSize: 10_000, onProgress: (lines: number) => void done.push(lines) }
  await run(identity, [...FIRST.slice(0, 2), ...people, ...roles], options)
  t.strictSame(done, [2, 502, 1002, 1102, 1602, 2102, 2202])
  const events = await identity.db.sql(
    {
      name: 'events_of_import',
      text: `SELECT kind, outcome, actor_user_id, o.slug, e.details::text AS details FROM audit_event e
        LEFT JOIN organization o ON o.id = e.org_id ORDER BY e.id`,
    },
    [],
  )
  const sum = (kind: string, member: string, slug: string | null) =>
    events
      .filter((event) => event['kind'] === kind && event['slug'] === slug)
      .reduce((total, { details }) => total + Number(JSON.parse(String(details))[member]), 0)
  t.equal(sum('directory.imported', 'people', null), count)
  t.equal(sum('directory.imported', 'memberships', 'initech'), count / 2, 'an organization reads its own')
  t.equal(events.filter(({ kind }) => kind === 'organization.created').length, 2)
  t.ok(events.every(({ outcome, actor_user_id: actor }) => outcome === 'success' && actor === null))
  t.notMatch(JSON.stringify(events), /@/)
})

await onPostgresql(t, 'two imports at once end as one does', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { withPeople: false })
  const people = Array.from({ length: 60 }, (_, index) => person(`p${index}@new.test`))
  const roles = people.map(({ email }) => member(email, 'initech', 'in', 'member'))
  const records = [org('initech', ['in']), ...people, ...roles]
  const reversed = [org('initech', ['in']), ...people.toReversed(), ...roles.toReversed()]
  const ends = await Promise.all([
    run(identity, records, { batchSize: 7 }),
    run(identity, reversed, { batchSize: 11 }),
    run(identity, records, { batchSize: 60 }),
  ])
  t.strictSame(
    ends.flatMap(({ issues }) => issues),
    [],
  )
  const added = (kind: 'organizations' | 'people' | 'memberships') =>
    ends.reduce((sum, { summary }) => sum + summary[kind].added, 0)
  t.strictSame([added('organizations'), added('people'), added('memberships')], [1, 60, 60])
  const state = await readDirectory(identity.db)
  t.strictSame([state['people']?.length, state['memberships']?.length], [60, 60])
})

await onPostgresql(t, 'who becomes a sys-admin while an import runs gets no membership by it', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  const isWaiting = async () => Number((await identity.db.sql({ name: 'waiting', text: waiting }, []))[0]?.['n']) > 0
  const nobody = await findUserByEmail(identity.db, 'nobody@example.test')
  const records = ['nobody@example.test', 'max@globex.test'].map((email) => member(email, 'acme', 'in', 'member'))
  const { running, sawItWait } = await identity.db.begin(async (db) => {
    await appointSysAdmin(db, nobody?.id ?? '')
    const running = run(identity, records)
    for (let look = 0; look < 300 && !(await isWaiting()); look += 1);
    return { running, sawItWait: await isWaiting() }
  }, {})
  t.ok(sawItWait, 'the import had looked before')
  const { issues, summary } = await running
  t.strictSame(issues, [issueOf('file:1', 'sys_admin')])
  t.match(summary.memberships, { added: 1, refused: 1 }, 'and the others get theirs')
})
