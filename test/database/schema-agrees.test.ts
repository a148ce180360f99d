// schema.prisma, the migrations and the checked-in catalogue say the same, on both engines.
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import t from 'tap'
import { describeCatalogue } from '../../infra/schema/describe-catalogue.ts'
import { diffToSchema, openMigrated, readSchema, SCHEMA_NAMES } from '../../infra/schema/schema-engine.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import { postgresqlPlace, postgresqlUrl } from '../support/databases.ts'

t.setTimeout(110_000)

const open = { identity: openIdentityStore, region: openRegionStore }

for (const name of SCHEMA_NAMES) {
  t.test(`${name}: the migrations make what schema.prisma says`, async (t) => {
    t.equal(await diffToSchema(name, await readSchema(name)), '')
  })

  t.test(`${name}: the rest of the catalogue is what was reviewed`, async (t) => {
    const reviewed = await readFile(new URL(`../../prisma/${name}/catalogue.txt`, import.meta.url), 'utf8')
    const pglite = await openMigrated(name)
    t.equal(await describeCatalogue(async (query) => (await pglite.query<{ line: string }>(query)).rows), reviewed)
    await pglite.close()
  })

  const skip = postgresqlUrl === undefined ? 'no PostgreSQL: set TEST_DATABASE_URL' : false
  t.test(`${name}: and the same on PostgreSQL`, { skip }, async (t) => {
    const reviewed = await readFile(new URL(`../../prisma/${name}/catalogue.txt`, import.meta.url), 'utf8')
    const place = await postgresqlPlace(t, postgresqlUrl ?? '')
    await (await open[name](place)).close()
    const client = new pg.Client(place.url)
    await client.connect()
    t.equal(await describeCatalogue(async (query) => (await client.query<{ line: string }>(query)).rows), reviewed)
    await client.end()
  })
}

t.test('a difference is found: a column, a type, an index, a relation', async (t) => {
  const schema = await readSchema('identity')
  const changes: readonly (readonly [string, string, RegExp])[] = [
    ['  lastSeen      DateTime?            @map("last_seen") @db.Timestamptz(6)\n', '', /DROP COLUMN "last_seen"/],
    [
      '  slug                String               @unique\n',
      '  slug                String\n',
      /DROP INDEX "organization_slug_key"/,
    ],
    [
      '  counter           Int       @default(0)\n',
      '  counter           BigInt       @default(0)\n',
      /"counter" SET DATA TYPE BIGINT/,
    ],
  ]
  for (const [before, after, expected] of changes) {
    const changed = schema.replace(before, after)
    t.not(changed, schema, 'the planted change is one')
    t.match(await diffToSchema('identity', changed), expected)
  }
})

t.test('a changed guard shows in the catalogue', async (t) => {
  const reviewed = await readFile(new URL('../../prisma/region/catalogue.txt', import.meta.url), 'utf8')
  const pglite = await openMigrated('region')
  const describe = () => describeCatalogue(async (query) => (await pglite.query<{ line: string }>(query)).rows)
  for (const [statement, undo] of [
    ['ALTER TABLE record NO FORCE ROW LEVEL SECURITY', 'ALTER TABLE record FORCE ROW LEVEL SECURITY'],
    ['GRANT SELECT ON verification_key TO meridian_tenant', 'REVOKE SELECT ON verification_key FROM meridian_tenant'],
    ['ALTER ROLE meridian_tenant BYPASSRLS', 'ALTER ROLE meridian_tenant NOBYPASSRLS'],
  ] as const) {
    await pglite.exec(statement)
    t.not(await describe(), reviewed, statement)
    await pglite.exec(undo)
  }
  t.equal(await describe(), reviewed)
  await pglite.close()
})
