// schema.prisma, the migrations and the checked-in catalogue say the same, on both engines.
import { readFile } from 'node:fs/promises'
import type { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import t, { type Test } from 'tap'
import { describeCatalogue } from '../../infra/schema/describe-catalogue.ts'
import {
  diffToSchema,
  leaveOutUnsayable,
  readSchema,
  SCHEMA_NAMES,
  type SchemaName,
} from '../../infra/schema/schema-engine.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import { openMigratedEngine, postgresqlPlace, postgresqlUrl } from '../support/databases.ts'

t.setTimeout(200_000)

const openStore = { identity: openIdentityStore, region: openRegionStore }

async function migrated(t: Test, name: SchemaName): Promise<PGlite> {
  const pglite = await openMigratedEngine(name)
  t.teardown(() => pglite.close())
  return pglite
}

const readCatalogue = (name: SchemaName) =>
  readFile(new URL(`../../prisma/${name}/catalogue.txt`, import.meta.url), 'utf8')

const describe = (pglite: PGlite) =>
  describeCatalogue(async (query) => (await pglite.query<{ line: string }>(query)).rows)

for (const name of SCHEMA_NAMES) {
  t.test(`${name}: the catalogue is what was reviewed, and the tables are what schema.prisma says`, async (t) => {
    const pglite = await migrated(t, name)
    t.equal(await describe(pglite), await readCatalogue(name))
    await leaveOutUnsayable(name, pglite)
    t.equal(await diffToSchema(pglite, await readSchema(name)), '')
  })

  const skip = postgresqlUrl === undefined ? 'no PostgreSQL: set TEST_DATABASE_URL' : false
  t.test(`${name}: the catalogue is the same on PostgreSQL`, { skip }, async (t) => {
    const place = await postgresqlPlace(t, postgresqlUrl ?? '')
    await (await openStore[name](place)).close()
    const client = new pg.Client(place.url)
    await client.connect()
    const described = await describeCatalogue(async (query) => (await client.query<{ line: string }>(query)).rows)
    await client.end()
    t.equal(described, await readCatalogue(name))
  })
}

t.test('a difference is found: a column, an index, a type', async (t) => {
  const pglite = await migrated(t, 'identity')
  await leaveOutUnsayable('identity', pglite)
  const schema = await readSchema('identity')
  const changes: readonly (readonly [RegExp, string, RegExp])[] = [
    [/\n {2}lastSeen +DateTime[^\n]*/, '', /DROP COLUMN "last_seen"/],
    [/(\n {2}slug +String) +@unique/, '$1', /DROP INDEX "organization_slug_key"/],
    [/(\n {2}counter +)Int /, '$1BigInt ', /"counter" SET DATA TYPE BIGINT/],
  ]
  for (const [before, after, expected] of changes) {
    const changed = schema.replace(before, after)
    t.not(changed, schema, 'the planted change is one')
    t.match(await diffToSchema(pglite, changed), expected)
  }
})

const guardChanges: Readonly<Record<SchemaName, readonly (readonly [change: string, undo: string])[]>> = {
  identity: [
    [
      'ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only',
      'ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only',
    ],
    ['ALTER FUNCTION refuse_audit_change() SECURITY DEFINER', 'ALTER FUNCTION refuse_audit_change() SECURITY INVOKER'],
    [
      'ALTER FUNCTION refuse_audit_change() SET search_path = pg_temp',
      'ALTER FUNCTION refuse_audit_change() RESET search_path',
    ],
  ],
  region: [
    ['ALTER TABLE record NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE record FORCE ROW LEVEL SECURITY'],
    ['GRANT SELECT ON verification_key TO meridian_tenant', 'REVOKE SELECT ON verification_key FROM meridian_tenant'],
    [
      'GRANT SELECT (jwk) ON verification_key TO meridian_tenant',
      'REVOKE SELECT (jwk) ON verification_key FROM meridian_tenant',
    ],
    ['GRANT CREATE ON SCHEMA public TO meridian_tenant', 'REVOKE CREATE ON SCHEMA public FROM meridian_tenant'],
    ['ALTER ROLE meridian_tenant BYPASSRLS', 'ALTER ROLE meridian_tenant NOBYPASSRLS'],
  ],
}

for (const name of SCHEMA_NAMES) {
  t.test(`${name}: a changed guard shows in the catalogue`, async (t) => {
    const reviewed = await readCatalogue(name)
    const pglite = await migrated(t, name)
    for (const [change, undo] of guardChanges[name]) {
      await pglite.exec(change)
      t.not(await describe(pglite), reviewed, change)
      await pglite.exec(undo)
    }
    t.equal(await describe(pglite), reviewed)
  })
}

t.test('a function’s digest is of its whole text', async (t) => {
  const pglite = await migrated(t, 'region')
  const replace = (end: string) =>
    pglite.exec(`CREATE OR REPLACE FUNCTION told() RETURNS text LANGUAGE sql AS 'SELECT '' a body and a body ${end}'''`)
  await replace('ends')
  const before = await describe(pglite)
  await replace('begins')
  t.not(await describe(pglite), before)
})
