// P14, P15, P16 of the security cases: whatever is done, in whatever order, by whomever. The steps are the requests of
// the access matrix, aimed anywhere, and changes of any membership. FAST_CHECK_SEED replays; PROPERTY_RUNS does more.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { readMatrix, sendAs } from '../../support/access-matrix.ts'
import type { Reply } from '../../support/identity.ts'
import { propertySeed } from '../../support/property-seed.ts'
import { ask } from '../../support/races.ts'
import { ACTORS, type Actor, type Target } from '../access/shape.ts'
import { keepTables, startWorld } from '../access/world.ts'

t.setTimeout(280_000)

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 10)
const STEPS = Number(process.env['PROPERTY_STEPS'] ?? 30)

const { rows, things } = await readMatrix()
const world = await startWorld(t, things)
const { identity, own, foreign } = world
const tables = await keepTables(identity)
const run = (text: string, values: readonly unknown[] = []) => ask(identity, text, values)

/** Own and foreign, and the one with the other's insides. */
const TARGETS: readonly Target[] = [
  own,
  foreign,
  { ...own, user: foreign.user, membership: foreign.membership, things: foreign.things },
  { ...foreign, user: own.user, membership: own.membership, things: own.things },
]

const memberships = (await run('SELECT id::text, user_id::text AS user FROM membership ORDER BY id')).map((row) => ({
  id: String(row['id']),
  user: String(row['user']),
}))

type Step = { readonly title: string; readonly asked: string; readonly isPublic?: boolean; send(): Promise<Reply> }

function stepOf(actor: Actor, title: string, method: string, url: string, payload?: object): Step {
  const row = {
    route: `${method} `,
    request: () => ({ url, ...(payload && { payload }), headers: { 'if-match': '*' } }),
  }
  return {
    title: `${actor}: ${method} ${title} ${JSON.stringify(payload ?? '')}`,
    asked: url + JSON.stringify(payload ?? ''),
    send: () => sendAs(world, identity, row as never, actor, own),
  }
}

const anyMatrixStep = (actor: Actor) =>
  fc.tuple(fc.nat(rows.length - 1), fc.nat(TARGETS.length - 1)).map(([index, aim]): Step => {
    const [row, target] = [rows[index] as (typeof rows)[number], TARGETS[aim] as Target]
    const { url, payload } = row.request(target)
    return {
      title: `${actor}: ${row.route} (target ${aim})`,
      asked: url + JSON.stringify(payload ?? ''),
      isPublic: row.foreign.anonymous.startsWith('2'),
      send: () => sendAs(world, identity, row, actor, target),
    }
  })

const CHANGES = [
  ...['manager', 'member', 'viewer'].map((role) => ({ role })),
  ...['active', 'suspended'].map((status) => ({ status })),
]
const anyMembership = fc.nat(memberships.length - 1).map((index) => memberships[index] as (typeof memberships)[number])
const anyOrg = fc.constantFrom(own.org.slug, foreign.org.id)

const anyChangeOfMember = (actor: Actor) =>
  fc
    .tuple(anyOrg, anyMembership, fc.constantFrom(...CHANGES))
    .map(([org, { id }, change]) => stepOf(actor, `member ${id}`, 'PATCH', `/v1/orgs/${org}/members/${id}`, change))
const anyRemoval = (actor: Actor) =>
  fc
    .tuple(anyOrg, anyMembership)
    .map(([org, { id }]) => stepOf(actor, `member ${id}`, 'DELETE', `/v1/orgs/${org}/members/${id}`))
const anyLeaving = (actor: Actor) =>
  anyMembership.map(({ id }) => stepOf(actor, `own membership ${id}`, 'DELETE', `/v1/me/memberships/${id}`))
const anyLock = (actor: Actor) =>
  fc
    .tuple(anyMembership, fc.constantFrom('disabled', 'active'))
    .map(([{ user }, status]) =>
      stepOf(actor, `user ${user}`, 'PUT', `/v1/users/${user}/status`, { status, reason: 'abuse' }),
    )

const stepsBy = (actors: readonly Actor[]) =>
  fc.array(
    fc
      .constantFrom(...actors)
      .chain((actor) =>
        fc.oneof(
          { arbitrary: anyMatrixStep(actor), weight: 4 },
          { arbitrary: anyChangeOfMember(actor), weight: 3 },
          { arbitrary: anyRemoval(actor), weight: 1 },
          { arbitrary: anyLeaving(actor), weight: 1 },
          { arbitrary: anyLock(actor), weight: 1 },
        ),
      ),
    { minLength: STEPS / 2, maxLength: STEPS, size: 'max' },
  )

const seed = propertySeed()

/** Resolves to how many steps were granted: a property of refusals alone would show little. */
async function holds(actors: readonly Actor[], judge: (steps: readonly Step[]) => Promise<number>): Promise<number> {
  let granted = 0
  await fc.assert(
    fc.asyncProperty(stepsBy(actors), async (steps) => {
      await tables.restore()
      granted += await judge(steps)
    }),
    { seed, numRuns: RUNS, endOnFailure: true },
  )
  await tables.restore()
  return granted
}

async function take(step: Step): Promise<Reply> {
  const reply = await step.send()
  assert.ok(reply.status < 500 || reply.status === 503, `${step.title}: ${reply.text}`)
  return reply
}

const UNMANAGED = `SELECT o.slug FROM organization o
  WHERE o.status IN ('active', 'maintenance') AND NOT has_active_manager(o.id)`

t.test('P14: an open organization always has an active manager', async (t) => {
  t.comment(`seed ${seed}`)
  const granted = await holds(ACTORS, async (steps) => {
    let count = 0
    for (const step of steps) {
      if ((await take(step)).status < 300) count += 1
      assert.deepEqual(await run(UNMANAGED), [], `after ${step.title}`)
    }
    return count
  })
  t.ok(granted > RUNS, `${granted} steps were granted`)
})

/** Digests of every table's rows that this condition is for, by the column that it needs. */
async function rowsBy(conditions: Readonly<Record<string, string>>, without: RegExp): Promise<Record<string, unknown>> {
  const found = await run(
    `SELECT c.relname::text AS name, a.attname::text AS column FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = ANY (string_to_array($1::text, ' '))
        AND a.atttypid = 'uuid'::regtype ORDER BY 1, 2`,
    [Object.keys(conditions).join(' ')],
  )
  const digests: Record<string, unknown> = {}
  for (const { name, column } of found) {
    if (without.test(String(name))) continue
    const condition = `x.${column} ${conditions[String(column)]}`
    const [row] = await run(
      `SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) AS rows FROM ${name} x WHERE ${condition}`,
    )
    digests[`${name}.${column}`] = row?.['rows']
  }
  return digests
}

t.test('P15: nobody of one organization changes a row of another, or is shown one', async (t) => {
  t.comment(`seed ${seed}`)
  const theirPeople = `IN (SELECT m.user_id FROM membership m WHERE m.org_id = '${foreign.org.id}')`
  const theirs = () =>
    // What was tried is written down where it was tried.
    rowsBy({ org_id: `= '${foreign.org.id}'`, user_id: theirPeople, id: `IN ('${foreign.org.id}')` }, /^audit_/)
  const people = await run(
    `SELECT u.id::text, u.email FROM user_account u JOIN membership m ON m.user_id = u.id WHERE m.org_id = $1::uuid`,
    [foreign.org.id],
  )
  const marks = [foreign.org.id, foreign.org.slug, ...people.flatMap(({ id, email }) => [String(id), String(email)])]
  const actors = ['member', 'viewer', 'manager', 'former_manager', 'suspended_manager', 'support'] as const
  await tables.restore()
  const before = await theirs()
  t.ok(Object.values(before).filter((digest) => digest !== null).length > 5, 'there is something to change')
  const granted = await holds(actors, async (steps) => {
    let count = 0
    for (const step of steps) {
      const { status, text } = await take(step)
      if (status < 300) count += 1
      const shown = marks.filter((mark) => text.includes(mark) && !step.asked.includes(mark))
      if (step.isPublic !== true) assert.deepEqual(shown, [], `${step.title} is shown what is theirs: ${text}`)
    }
    assert.deepEqual(await theirs(), before, steps.map(({ title }) => title).join('\n'))
    return count
  })
  t.ok(granted > RUNS, `${granted} steps were granted`)
})

/** What the platform sets: the organization itself and where it is, its licence, a request to be let in; and what counts. */
const OF_THE_PLATFORM =
  /^(organization|organization_region|slug_alias|tenant_summary|entitlement|entitlement_set|support_grant|audit_.*)$/

t.test('P16: a sys-admin touches nothing inside an organization, and reads nobody there', async (t) => {
  t.comment(`seed ${seed}`)
  const kept = memberships.map(({ id }) => `'${id}'`).join(', ')
  const inside = async () => ({
    ...(await rowsBy({ org_id: 'IS NOT NULL' }, new RegExp(`${OF_THE_PLATFORM.source}|^membership$`))),
    memberships: await run(
      `SELECT md5(string_agg(m::text, '|' ORDER BY m.id)) AS rows FROM membership m WHERE m.id IN (${kept})`,
    ),
    // Whoever is added is the first manager of where there is none.
    added: await run(`SELECT m.id FROM membership m JOIN organization o ON o.id = m.org_id
      WHERE m.id NOT IN (${kept}) AND (m.role <> 'manager' OR o.id IN ('${own.org.id}', '${foreign.org.id}'))`),
  })
  await tables.restore()
  const before = await inside()
  const granted = await holds(['sys_admin'], async (steps) => {
    let count = 0
    for (const step of steps) {
      const { status, text } = await take(step)
      if (status < 300) count += 1
      // Looking one person up by their exact address is the exception, and is written down.
      if (!step.asked.startsWith('/v1/users')) assert.doesNotMatch(text, /@(acme|globex)\.test/, step.title)
    }
    assert.deepEqual(await inside(), before, steps.map(({ title }) => title).join('\n'))
    return count
  })
  t.ok(granted > RUNS, `${granted} steps were granted`)
})
