import type { IdentityUnderTest } from './identity.ts'

/** Every row of every table, as text: what somebody reads who has the database and nothing else. */
export async function dumpOf(identity: Pick<IdentityUnderTest, 'db'>): Promise<string> {
  const tables = await identity.db.sql(
    {
      name: 'tables_to_dump',
      text: `SELECT relname::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
    },
    [],
  )
  const rows: string[] = []
  for (const { name } of tables) {
    const found = await identity.db.sql({ name: `dump_${name}`, text: `SELECT x::text AS row FROM ${name} x` }, [])
    rows.push(...found.map(({ row }) => String(row)))
  }
  return rows.join('\n')
}
