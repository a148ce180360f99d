// Which process of this region is at an order of the centre's, so that one of them is.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { RegionDatabase } from './open-store.ts'

const LEASE_SECONDS = 30
export const RENEW_EVERY_MS = 10_000

// What a holder before has left is kept: how far it had come.
const HOLD: Statement = {
  name: 'hold_order_lease',
  text: `INSERT INTO order_lease AS known (order_id, holder, generation, done, renewed_at)
    VALUES ($1::uuid, $2::uuid, $3::bigint, $4::bigint, clock_timestamp())
    ON CONFLICT (order_id) DO UPDATE SET holder = excluded.holder, renewed_at = excluded.renewed_at,
      done = greatest(known.done, excluded.done)
      WHERE known.holder = excluded.holder OR known.renewed_at < clock_timestamp() - interval '${LEASE_SECONDS} seconds'
    RETURNING generation::text, done::float8`,
}
const leaseSchema = z.object({ generation: z.string(), done: z.int() })

const FORGET: Statement = {
  name: 'forget_order_leases',
  text: "DELETE FROM order_lease WHERE renewed_at < clock_timestamp() - interval '2 days'",
}

export type OrderLease = {
  /** Of the replica when the order was first taken. */
  readonly generation: string
  /** Rows that were reported. */
  readonly done: number
}

/** Null: another process is at it, and has renewed its hold lately. */
export async function holdOrder(
  database: RegionDatabase,
  order: { id: string; holder: string; generation: string; done: number },
): Promise<OrderLease | null> {
  const [row] = await database.sql(HOLD, [order.id, order.holder, order.generation, order.done])
  await database.sql(FORGET, [])
  return row === undefined ? null : leaseSchema.parse(row)
}
