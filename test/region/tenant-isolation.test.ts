import { createHash, randomBytes } from 'node:crypto'
import { withTransaction } from '@meridian/database/transaction'
import type { OrgId } from '@meridian/protocol/ids'
import pg from 'pg'
import t from 'tap'
import { checkIsolation } from '../../services/region/src/store/isolation.ts'
import { openRegionStore, type RegionDatabase } from '../../services/region/src/store/open-store.ts'
import { withTenant } from '../../services/region/src/store/tenant-transaction.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'

const ACME = idOf('acme') as OrgId
const GLOBEX = idOf('globex') as OrgId

function row(id: string, orgId: string) {
  const at = new Date(0)
  return { id: idOf(id), orgId, title: id, body: '', createdBy: idOf('ada'), createdAt: at, updatedAt: at }
}

async function fill(database: RegionDatabase): Promise<void> {
  for (const [orgId, names] of [
    [ACME, ['a1', 'a2']],
    [GLOBEX, ['g1', 'g2', 'g3']],
  ] as const) {
    await withTenant(database, orgId, (db) =>
      db.prisma.record.createMany({ data: names.map((name) => row(name, orgId)) }),
    )
  }
}

const statement = (text: string) => ({ name: `s${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text })
const setting = (name: string, value: string) =>
  statement(`SELECT set_config('${name}', '${value.replaceAll("'", "''")}', true)`)
const COUNT = { name: 'count_records', text: 'SELECT count(*)::integer AS count FROM record' }

await eachEngine(
  t,
  'an organization sees and writes its own rows, whatever the WHERE forgets',
  async (t, makePlace) => {
    const database = await openRegionStore(await makePlace('region'))
    t.teardown(() => database.close())
    await fill(database)

    const seen = await withTenant(database, ACME, (db) => db.prisma.record.findMany())
    t.strictSame(seen.map(({ title }) => title).sort(), ['a1', 'a2'], 'reading everything')
    const found = await withTenant(database, ACME, (db) => db.prisma.record.findMany({ where: { orgId: GLOBEX } }))
    t.strictSame(found, [], 'asking for another’s')
    const one = await withTenant(database, ACME, (db) => db.prisma.record.findUnique({ where: { id: idOf('g1') } }))
    t.equal(one, null, 'by id')
    const counts = await withTenant(database, ACME, (db) =>
      db.prisma.record.aggregate({ _count: true, _max: { title: true } }),
    )
    t.match(counts, { _count: 2, _max: { title: 'a2' } }, 'counting')

    const changed = await withTenant(database, ACME, (db) =>
      db.prisma.record.updateMany({ data: { title: 'changed' } }),
    )
    t.equal(changed.count, 2, 'changing everything')
    await t.rejects(
      withTenant(database, ACME, (db) => db.prisma.record.create({ data: row('planted', GLOBEX) })),
      'writing into another’s',
    )
    await t.rejects(
      withTenant(database, ACME, (db) => db.prisma.record.updateMany({ data: { orgId: GLOBEX } })),
      'giving rows away',
    )
    const gone = await withTenant(database, ACME, (db) => db.prisma.record.deleteMany())
    t.equal(gone.count, 2, 'deleting everything')
    const left = await withTenant(database, GLOBEX, (db) => db.prisma.record.findMany({ orderBy: { id: 'asc' } }))
    t.strictSame(left.map(({ title }) => title).sort(), ['g1', 'g2', 'g3'], 'and the other’s rows are as they were')
  },
)

await eachEngine(t, 'without an organization nothing is seen and nothing written', async (t, makePlace) => {
  const database = await openRegionStore(await makePlace('region'))
  t.teardown(() => database.close())
  await fill(database)
  const countIn = (...settings: { name: string; text: string }[]) =>
    withTransaction(database, async (db) => {
      for (const statement of settings) await db.sql(statement, [])
      return (await db.sql(COUNT, []))[0]?.['count']
    })
  const role = setting('role', 'meridian_tenant')
  t.equal(await countIn(role), 0, 'never set')
  t.equal(await countIn(role, setting('app.org_id', '')), 0, 'empty')
  await t.rejects(countIn(role, setting('app.org_id', 'acme')), 'no UUID')
  await t.rejects(countIn(role, setting('app.org_id', "' OR true")), 'an injection')
  await t.rejects(
    withTransaction(database, async (db) => {
      await db.sql(role, [])
      await db.prisma.record.create({ data: row('orphan', ACME) })
    }),
  )
  t.equal(await countIn(role, setting('app.org_id', ACME)), 2, 'while a real one sees its rows')
})

await eachEngine(t, 'a connection carries nothing over to its next user', async (t, makePlace) => {
  const place = await makePlace('region')
  const database = await openRegionStore({ ...place, poolSize: 1 })
  t.teardown(() => database.close())
  await fill(database)
  const whoAmI = {
    name: 'who_am_i',
    text: "SELECT current_user::text AS role, current_setting('app.org_id', true) AS org",
  }
  const [before] = await database.sql(whoAmI, [])
  const endings: Record<string, () => Promise<unknown>> = {
    'a commit': () => withTenant(database, ACME, (db) => db.prisma.record.findMany()),
    'an error of ours': () =>
      withTenant(database, ACME, () => {
        throw new Error('ours')
      }),
    'an error of the database': () =>
      withTenant(database, ACME, (db) => db.sql({ name: 'broken', text: 'SELECT 1/0' }, [])),
    'a refused row': () => withTenant(database, ACME, (db) => db.prisma.record.create({ data: row('x', GLOBEX) })),
  }
  for (const [name, end] of Object.entries(endings)) {
    await end().catch(() => undefined)
    const [after] = await database.sql(whoAmI, [])
    t.equal(after?.['role'], before?.['role'], name)
    t.notOk(after?.['org'], name)
    const seen = await withTransaction(database, async (db) => {
      await db.sql(setting('role', 'meridian_tenant'), [])
      return (await db.sql(COUNT, []))[0]?.['count']
    })
    t.equal(seen, 0, `${name}: the next one is nobody`)
    t.equal((await withTenant(database, GLOBEX, (db) => db.prisma.record.findMany())).length, 3)
  }
})

await eachEngine(
  t,
  'the role of tenants owns nothing, cannot sign in and cannot get past policies',
  async (t, makePlace) => {
    const database = await openRegionStore(await makePlace('region'))
    t.teardown(() => database.close())
    const [role] = await database.sql(
      {
        name: 'read_role',
        text: `SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb,
        (SELECT count(*)::integer FROM pg_class WHERE relowner = pg_roles.oid) AS owned
        FROM pg_roles WHERE rolname = 'meridian_tenant'`,
      },
      [],
    )
    t.strictSame(role, {
      rolsuper: false,
      rolbypassrls: false,
      rolcanlogin: false,
      rolcreaterole: false,
      rolcreatedb: false,
      owned: 0,
    })
    for (const text of [
      'SELECT * FROM verification_key',
      'SELECT * FROM host_map',
      'SELECT * FROM _prisma_migrations',
      "INSERT INTO isolation_probe VALUES ('00000000-0000-7000-8000-000000000009')",
      'ALTER TABLE record DISABLE ROW LEVEL SECURITY',
      'DROP POLICY record_of_org ON record',
      'TRUNCATE record',
      'CREATE TABLE planted (id integer)',
    ]) {
      await t.rejects(
        withTenant(database, ACME, (db) => db.sql(statement(text), [])),
        text,
      )
    }
  },
)

await eachEngine(t, 'every table with an organization is walled', async (t, makePlace) => {
  const database = await openRegionStore(await makePlace('region'))
  t.teardown(() => database.close())
  const rows = await database.sql(
    {
      name: 'read_walls',
      text: `SELECT c.relname::text AS name, c.relrowsecurity AS walled, c.relforcerowsecurity AS forced,
        (SELECT count(*)::integer FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL) AS policies,
        concat_ws(' ', CASE WHEN has_table_privilege('meridian_tenant', c.oid, 'SELECT') THEN 'reads' END,
          CASE WHEN has_table_privilege('meridian_tenant', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') THEN 'writes' END) AS tenants
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
        WHERE c.relkind = 'r' ORDER BY 1`,
    },
    [],
  )
  const own = { walled: true, forced: true, policies: 1 }
  const told = { walled: true, forced: false, policies: 0, tenants: 'reads' }
  const ours = { ...told, tenants: '' }
  t.strictSame(rows, [
    { name: 'entitlement', ...told },
    { name: 'isolation_probe', ...own, tenants: 'reads' },
    { name: 'membership', ...told },
    { name: 'organization_domain', ...told },
    { name: 'provisional_membership', ...ours },
    { name: 'record', ...own, tenants: 'reads writes' },
    { name: 'tenant_count', ...ours },
    { name: 'usage_daily', ...ours },
  ])
})

async function fillDirectory(database: RegionDatabase): Promise<void> {
  for (const [orgId, name] of [
    [ACME, 'acme'],
    [GLOBEX, 'globex'],
  ] as const) {
    const people = [`${name}1`, `${name}2`, 'both']
    for (const person of people) {
      const user = { id: idOf(person), name: person, email: `${person}@example.test`, status: 'active' }
      await database.prisma.userAccount.upsert({ where: { id: user.id }, create: user, update: user })
      const id = idOf(`${person} in ${name}`)
      await database.prisma.membership.create({
        data: { id, orgId, userId: user.id, role: 'member', status: 'active', displayName: null, version: 1 },
      })
    }
    const domain = { id: idOf(`${name}’s`), orgId, domain: `${name}.example`, status: 'verified', isPrimary: true }
    await database.prisma.organizationDomain.create({ data: domain })
    await database.prisma.entitlement.create({ data: { orgId, modules: [name] } })
    const organization = { id: orgId, slug: name, name, status: 'active', subscriptionTier: 'free', settings: {} }
    await database.prisma.organization.create({ data: organization })
  }
}

await eachEngine(t, 'of what the feed tells, a tenant reads its own, and writes nothing', async (t, makePlace) => {
  const database = await openRegionStore(await makePlace('region'))
  t.teardown(() => database.close())
  await fillDirectory(database)
  await checkIsolation(database)
  const seen = await withTenant(database, ACME, async ({ prisma }) => ({
    people: (await prisma.userAccount.findMany({ orderBy: { name: 'asc' } })).map(({ name }) => name),
    memberships: (await prisma.membership.findMany()).map(({ orgId }) => orgId),
    domains: (await prisma.organizationDomain.findMany()).map(({ domain }) => domain),
    modules: (await prisma.entitlement.findMany()).flatMap(({ modules }) => modules),
    organizations: (await prisma.organization.findMany()).map(({ slug }) => slug),
    asked: await prisma.userAccount.findUnique({ where: { id: idOf('globex1') } }),
  }))
  t.strictSame(seen, {
    people: ['acme1', 'acme2', 'both'],
    memberships: [ACME, ACME, ACME],
    domains: ['acme.example'],
    modules: ['acme'],
    organizations: ['acme'],
    asked: null,
  })
  for (const text of [
    'SELECT * FROM replica_entity',
    'SELECT * FROM replica_parked',
    'SELECT * FROM replica_place',
    'SELECT * FROM replica_news',
    'SELECT * FROM provisional_membership',
    'SELECT * FROM client',
    'SELECT * FROM usage_daily',
    "UPDATE membership SET role = 'manager'",
    'DELETE FROM user_account',
    'INSERT INTO entitlement (org_id, modules) VALUES (gen_random_uuid(), ARRAY[]::text[])',
  ]) {
    await t.rejects(
      withTenant(database, ACME, (db) => db.sql(statement(text), [])),
      text,
    )
  }
})

await eachEngine(t, 'the isolation check notices each way to lose isolation', async (t, makePlace) => {
  const database = await openRegionStore(await makePlace('region'))
  t.teardown(() => database.close())
  await fillDirectory(database)
  await checkIsolation(database)
  const breakages = {
    'row security off': [
      'ALTER TABLE isolation_probe DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE isolation_probe ENABLE ROW LEVEL SECURITY',
    ],
    'not forced': ['ALTER TABLE record NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE record FORCE ROW LEVEL SECURITY'],
    'a generous policy': [
      'CREATE POLICY generous ON isolation_probe USING (true)',
      'DROP POLICY generous ON isolation_probe',
    ],
    'members open to all': ['CREATE POLICY generous ON membership USING (true)', 'DROP POLICY generous ON membership'],
    'people unwalled': [
      'ALTER TABLE user_account DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE user_account ENABLE ROW LEVEL SECURITY',
    ],
    'members written': [
      'GRANT UPDATE ON membership TO meridian_tenant',
      'REVOKE UPDATE ON membership FROM meridian_tenant',
    ],
    'no probe': [
      'DELETE FROM isolation_probe',
      "INSERT INTO isolation_probe VALUES ('00000000-0000-7000-8000-000000000001')",
    ],
  }
  for (const [name, [harm = '', mend = '']] of Object.entries(breakages)) {
    await database.sql(statement(harm), [])
    await t.rejects(checkIsolation(database), name)
    await database.sql(statement(mend), [])
  }
  await checkIsolation(database)
})

await onPostgresql(t, 'a login that is no superuser is enough, and is walled itself', async (t, makePlace) => {
  const { url = '' } = await makePlace('empty')
  const name = `meridian_owner_${randomBytes(6).toString('hex')}`
  const superuser = new pg.Client(url)
  await superuser.connect()
  await superuser.query(`CREATE ROLE ${name} LOGIN CREATEROLE PASSWORD 'test'`)
  await superuser.query(`GRANT ALL ON SCHEMA public TO ${name}`)
  t.teardown(async () => {
    await superuser.query(`DROP OWNED BY ${name} CASCADE`)
    await superuser.query(`DROP ROLE ${name}`)
    await superuser.end()
  })
  const own = new URL(url)
  own.username = name
  own.password = 'test'
  const database = await openRegionStore({ url: own.href })
  try {
    await checkIsolation(database)
    await fill(database)
    t.equal((await withTenant(database, ACME, (db) => db.prisma.record.findMany())).length, 2)
    t.equal((await database.prisma.record.findMany()).length, 0, 'the owner outside a transaction of an organization')
  } finally {
    await database.close()
  }
})

await eachEngine(t, 'several databases may be migrated at once', async (t, makePlace) => {
  const places = await Promise.all([makePlace('region'), makePlace('region'), makePlace('region')])
  const databases = await Promise.all(places.map((place) => openRegionStore(place)))
  await Promise.all(databases.map(checkIsolation))
  await Promise.all(databases.map((database) => database.close()))
  t.equal(databases.length, 3)
})
