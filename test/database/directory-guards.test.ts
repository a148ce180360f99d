// What the database itself holds of the directory, whoever writes to it: the last manager, versions, and that regions
// hear of it. Plain statements, so that no rule of the service can stand in for one of these.

import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { sqlStateOf } from '@meridian/database/sql-state'
import { withTransaction } from '@meridian/database/transaction'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import t, { type Test } from 'tap'
import { type IdentityDatabase, openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { eachEngine, onPostgresql, type Place, shiftClock } from '../support/databases.ts'

const makeId = createUuidV7({ now: Date.now, randomBytes })

let statements = 0
function run(db: Pick<IdentityDatabase, 'sql'>, text: string, values: readonly unknown[] = []) {
  statements += 1
  return db.sql({ name: `guard_${statements}`, text }, values)
}

/** `23514`, say, or `done`. */
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => sqlStateOf(error) ?? 'failed',
  )
}

async function open(t: Test, place: Place, poolSize = 4): Promise<IdentityDatabase> {
  const db = await openIdentityStore({ ...place, poolSize })
  t.teardown(() => db.close())
  for (const code of ['in', 'us']) {
    await run(db, `INSERT INTO region (code, name, api_url, host_suffix) VALUES ($1, $1, 'https://' || $1, $1)`, [code])
  }
  return db
}

async function addOrganization(db: IdentityDatabase, slug: string): Promise<string> {
  const id = makeId()
  await run(
    db,
    `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email)
      VALUES ($1::uuid, $2, $2, 'Contact', 'contact@example.test')`,
    [id, slug],
  )
  for (const region of ['in', 'us']) {
    await run(db, `INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, $2)`, [id, region])
  }
  return id
}

async function addMember(db: IdentityDatabase, org: string, role: string, region = 'in') {
  const user = makeId()
  const membership = makeId()
  await run(db, `INSERT INTO user_account (id, email, name) VALUES ($1::uuid, $1::text || '@example.test', 'N')`, [
    user,
  ])
  await run(
    db,
    `INSERT INTO membership (id, user_id, org_id, region, role) VALUES ($1::uuid, $2::uuid, $3::uuid, $4, $5)`,
    [membership, user, org, region, role],
  )
  return { user, membership }
}

const told = (db: IdentityDatabase, subject: string) =>
  run(db, `SELECT kind, version, region, status FROM revocation WHERE subject = $1 ORDER BY seq`, [subject])

/** Each way in which a manager can go: the statement, and whose id it takes. */
const DEPARTURES = {
  demoted: [`UPDATE membership SET role = 'member' WHERE id = $1::uuid`, 'membership'],
  suspended: [`UPDATE membership SET status = 'suspended' WHERE id = $1::uuid`, 'membership'],
  removed: [`UPDATE membership SET status = 'removed' WHERE id = $1::uuid`, 'membership'],
  erased: [`DELETE FROM membership WHERE id = $1::uuid`, 'membership'],
  deleted: [
    `UPDATE user_account SET status = 'deleted', deleted_at = meridian_now(), email = NULL, name = '' WHERE id = $1::uuid`,
    'user',
  ],
  locked: [`UPDATE user_account SET status = 'disabled' WHERE id = $1::uuid`, 'user'],
} as const
type Departure = keyof typeof DEPARTURES
const WAYS = Object.keys(DEPARTURES) as Departure[]

function depart(db: IdentityDatabase, way: Departure, manager: { user: string; membership: string }) {
  const [text, whose] = DEPARTURES[way]
  return outcomeOf(run(db, text, [manager[whose]]))
}

await eachEngine(t, 'the last active manager stays, whichever way they would go', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  for (const way of WAYS) {
    const org = await addOrganization(db, way)
    const first = await addMember(db, org, 'manager')
    const second = await addMember(db, org, 'manager', 'us')
    t.equal(await depart(db, way, first), 'done', `${way}: one of two goes`)
    for (const last of WAYS)
      t.equal(await depart(db, last, second), '23514', `${way}, then ${last}: the last one stays`)
    await run(db, `UPDATE organization SET status = 'suspended' WHERE id = $1::uuid`, [org])
    t.equal(await depart(db, 'deleted', second), '23514', 'also of a suspended organization')
    t.equal(await depart(db, 'locked', second), 'done', 'whose last manager may be locked')
  }
  const org = await addOrganization(db, 'closing')
  const { user, membership } = await addMember(db, org, 'manager')
  await run(db, `UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE id = $1::uuid`, [org])
  t.equal(await depart(db, 'deleted', { user, membership }), 'done', 'a deleted organization keeps nobody')
})

await eachEngine(t, 'a locked manager counts for nothing, and comes back', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  const org = await addOrganization(db, 'acme')
  const first = await addMember(db, org, 'manager')
  const second = await addMember(db, org, 'manager')
  t.equal(await depart(db, 'locked', first), 'done')
  t.equal(await depart(db, 'removed', second), '23514')
  await run(db, `UPDATE user_account SET status = 'active' WHERE id = $1::uuid`, [first.user])
  t.equal(await depart(db, 'removed', second), 'done')
})

await eachEngine(
  t,
  'nor is the last manager lost with a region that an organization is withdrawn from',
  async (t, makePlace) => {
    const db = await open(t, await makePlace('identity'))
    const withdraw = (org: string, region: string) =>
      outcomeOf(
        run(db, `UPDATE organization_region SET status = 'withdrawn' WHERE org_id = $1::uuid AND region = $2`, [
          org,
          region,
        ]),
      )
    const org = await addOrganization(db, 'acme')
    const first = await addMember(db, org, 'manager')
    t.equal(await withdraw(org, 'us'), 'done', 'where nobody manages')
    t.equal(await withdraw(org, 'in'), '23514', 'the last manager’s')
    await run(db, `UPDATE organization_region SET status = 'active' WHERE org_id = $1::uuid AND region = 'us'`, [org])
    const second = await addMember(db, org, 'manager', 'us')
    t.equal(await depart(db, 'locked', second), 'done')
    t.equal(await withdraw(org, 'in'), '23514', 'somebody locked out manages nothing')
    await run(db, `UPDATE user_account SET status = 'active' WHERE id = $1::uuid`, [second.user])
    t.equal(await withdraw(org, 'in'), 'done', 'where somebody manages elsewhere')
    t.equal(await depart(db, 'removed', second), '23514')
    t.equal(await depart(db, 'removed', first), 'done', 'a manager of a region that it left is none')
    const suspended = await addOrganization(db, 'suspended')
    await addMember(db, suspended, 'manager')
    await run(db, `UPDATE organization SET status = 'suspended' WHERE id = $1::uuid`, [suspended])
    t.equal(await withdraw(suspended, 'in'), 'done', 'a suspended one may be left without')
  },
)

await eachEngine(t, 'what is suspended or deleted is opened with an active manager alone', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  const org = await addOrganization(db, 'acme')
  const { user } = await addMember(db, org, 'manager')
  const become = (status: string) =>
    outcomeOf(
      run(
        db,
        `UPDATE organization SET status = $2::text,
          deleted_at = CASE WHEN $2::text = 'deleted' THEN meridian_now() END WHERE id = $1::uuid`,
        [org, status],
      ),
    )
  for (const closed of ['suspended', 'deleted']) {
    t.equal(await become(closed), 'done')
    t.equal(await outcomeOf(run(db, `UPDATE user_account SET status = 'disabled' WHERE id = $1::uuid`, [user])), 'done')
    for (const opened of ['active', 'maintenance']) t.equal(await become(opened), '23514', `${closed}, then ${opened}`)
    t.equal(await become('suspended'), 'done', 'it stays closed')
    await run(db, `UPDATE user_account SET status = 'active' WHERE id = $1::uuid`, [user])
    for (const opened of ['active', 'maintenance']) {
      t.equal(await become(closed), 'done')
      t.equal(await become(opened), 'done', `${opened}, with a manager`)
    }
  }
})

/** Long enough for the second statement to be at the row that the first transaction holds. */
const OVERLAP_MS = 30

await eachEngine(t, 'a manager counts where they can act', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  const org = await addOrganization(db, 'acme')
  const [inIndia, inStates] = [await addMember(db, org, 'manager'), await addMember(db, org, 'manager', 'us')]
  const setPlace = (status: string) =>
    run(db, `UPDATE organization_region SET status = $2 WHERE org_id = $1::uuid AND region = 'us'`, [org, status])
  await setPlace('withdrawn')
  t.equal(await depart(db, 'removed', inIndia), '23514', 'not where the organization is no longer')
  await setPlace('active')
  await run(db, `UPDATE region SET status = 'withdrawn' WHERE code = 'in'`)
  t.equal(await depart(db, 'removed', inStates), '23514', 'nor in a region that is not operated')
})

await onPostgresql(t, 'of two managers who go at once, one stays', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'), 8)
  const pairs = WAYS.flatMap((left) => WAYS.map((right) => [left, right] as const))
  for (const [index, [left, right]] of pairs.entries()) {
    const org = await addOrganization(db, `org-${index}`)
    const [first, second] = [await addMember(db, org, 'manager'), await addMember(db, org, 'manager', 'us')]
    const written = Promise.withResolvers<void>()
    const committing = Promise.withResolvers<void>()
    const [text, whose] = DEPARTURES[left]
    const going = withTransaction(db, async (tx) => {
      await run(tx, text, [first[whose]])
      written.resolve()
      await committing.promise
    })
    await written.promise
    const following = depart(db, right, second)
    await setTimeout(OVERLAP_MS)
    committing.resolve()
    await going
    t.equal(await following, '23514', `${left}, and ${right} meanwhile`)
    const [row] = await run(db, `SELECT has_active_manager($1::uuid) AS held`, [org])
    t.equal(row?.['held'], true, `${left} and ${right}: somebody manages it`)
  }
})

await eachEngine(t, 'versions rise with what they vouch for, and regions are told', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  const org = await addOrganization(db, 'acme')
  await addMember(db, org, 'manager')
  const { membership, user } = await addMember(db, org, 'member', 'us')
  const set = async (change: string) => {
    const [row] = await run(db, `UPDATE membership SET ${change} WHERE id = $1::uuid RETURNING version`, [membership])
    return row?.['version']
  }
  t.equal(await set(`display_name = 'Lin'`), 1, 'a name is in no token')
  t.equal(await set(`role = 'viewer', version = 17`), 2)
  t.equal(await set(`status = 'suspended'`), 3)
  t.equal(await set(`version = 1`), 3, 'no version goes back')
  const ofMembership = (version: number) => ({ kind: 'membership', version, region: 'us', status: null })
  t.strictSame(await told(db, membership), [ofMembership(2), ofMembership(3)])

  const [person] = await run(db, `UPDATE user_account SET name = 'M' WHERE id = $1::uuid RETURNING version`, [user])
  t.equal(person?.['version'], 2)
  t.equal(await outcomeOf(run(db, `UPDATE membership SET region = 'in' WHERE id = $1::uuid`, [membership])), '23514')

  const change = async (text: string) => {
    const [row] = await run(db, `UPDATE organization SET ${text} WHERE id = $1::uuid RETURNING version`, [org])
    return row?.['version']
  }
  t.equal(await change(`name = 'Acme Ltd'`), 2)
  t.equal(await change(`name = 'Acme Ltd'`), 2, 'nothing has changed')
  t.equal(await change(`status = 'maintenance'`), 3)
  const inRegion = (status: string) =>
    run(db, `UPDATE organization_region SET status = $2 WHERE org_id = $1::uuid AND region = 'us'`, [org, status])
  await inRegion('withdrawn')
  t.equal(await change(`status = 'active'`), 5, 'the withdrawal has a version of its own')
  await inRegion('active')
  t.strictSame(
    (await told(db, org)).map(({ version, region, status }) => `${version} ${region} ${status}`).sort(),
    ['3 in maintenance', '3 us maintenance', '4 us deleted', '5 in active', '6 us active'],
    'a region that an organization left hears nothing of its states',
  )
})

await eachEngine(t, 'a slug that was given up is kept for whoever had it', async (t, makePlace) => {
  const db = await open(t, await makePlace('identity'))
  const org = await addOrganization(db, 'acme')
  const rename = (id: string, slug: string) =>
    outcomeOf(run(db, `UPDATE organization SET slug = $2 WHERE id = $1::uuid`, [id, slug]))
  await run(
    db,
    `INSERT INTO slug_alias (slug, org_id, kept_until) VALUES ('acme', $1::uuid, meridian_now() + interval '1 day')`,
    [org],
  )
  t.equal(await rename(org, 'umbrella'), 'done')
  const other = await addOrganization(db, 'globex')
  t.equal(await rename(other, 'acme'), '23505')
  t.equal(await outcomeOf(addOrganization(db, 'acme')), '23505', 'nor does a new one get it')
  t.equal(await rename(org, 'acme'), 'done', 'its own it may take back')
  t.equal(await rename(org, 'umbrella'), 'done')
  await shiftClock(db, 90_000)
  t.equal(await rename(other, 'acme'), 'done')
})
