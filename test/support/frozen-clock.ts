import { randomBytes } from 'node:crypto'
import type { Db } from '@meridian/database/database'

/** Stops the database's clock at an instant (ms since the epoch): what a model predicts then holds to the microsecond. */
export async function freezeClock<Client>(db: Db<Client>, atMs: number): Promise<void> {
  await db.sql(
    {
      name: `freeze_${randomBytes(4).toString('hex')}`,
      text: `CREATE OR REPLACE FUNCTION meridian_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
        AS 'SELECT timestamptz ''${new Date(atMs).toISOString()}'''`,
    },
    [],
  )
}
