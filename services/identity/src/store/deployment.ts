import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const READ_EPOCH: Statement = { name: 'read_epoch', text: 'SELECT epoch::text AS epoch FROM deployment' }

// At least the machine's seconds: two restores from the same backup must not end in the same epoch.
const RAISE_EPOCH: Statement = {
  name: 'raise_epoch',
  text: `UPDATE deployment SET epoch = greatest(epoch + 1, extract(epoch FROM meridian_now())::bigint)
    RETURNING epoch::text AS epoch`,
}

const epochSchema = z.object({ epoch: z.string() })

export async function readEpoch(db: IdentityDb): Promise<string> {
  const [row] = await db.sql(READ_EPOCH, [])
  return epochSchema.parse(row).epoch
}

/** Ends every refresh token family that was made before. Resolves to the new epoch. */
export async function raiseEpoch(db: IdentityDb): Promise<string> {
  const [row] = await db.sql(RAISE_EPOCH, [])
  return epochSchema.parse(row).epoch
}

const READ_NOW: Statement = { name: 'read_now', text: 'SELECT extract(epoch FROM meridian_now())::float8 AS now' }

/** The database's clock, in seconds since the epoch. */
export async function readNow(db: IdentityDb): Promise<number> {
  const [row] = await db.sql(READ_NOW, [])
  return z.object({ now: z.number() }).parse(row).now
}
