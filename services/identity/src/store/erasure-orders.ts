// What regions are to erase, and what they have said of it: one row a person or organization, and region.
import type { Statement } from '@meridian/database/database'
import type { MakeId } from '@meridian/database/uuid-v7'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type Erased = { readonly kind: 'user' | 'organization'; readonly subjectId: string }

export async function insertErasureOrders(
  db: IdentityDb,
  makeId: MakeId,
  { kind, subjectId }: Erased,
  regions: readonly string[],
): Promise<void> {
  await db.prisma.erasureOrder.createMany({
    data: regions.map((region) => ({ id: makeId(), kind, subjectId, region })),
    skipDuplicates: true,
  })
}

const orderSchema = z.object({ id: z.string(), kind: z.enum(['user', 'organization']), subjectId: z.string() })
type StoredOrder = z.infer<typeof orderSchema>

/** What a region has not acknowledged yet, oldest first, after `after` where given. */
export async function listOpenErasureOrders(
  db: IdentityDb,
  region: string,
  page: { readonly limit: number; readonly after: string | null },
): Promise<readonly StoredOrder[]> {
  const rows = await db.prisma.erasureOrder.findMany({
    where: { region, acknowledgedAt: null, ...(page.after === null ? {} : { id: { gt: page.after } }) },
    select: { id: true, kind: true, subjectId: true },
    orderBy: { id: 'asc' },
    take: page.limit,
  })
  return rows.map((row) => orderSchema.parse(row))
}

// One that waits for another finds the row acknowledged, and so is the repeat.
const ACKNOWLEDGE: Statement = {
  name: 'acknowledge_erasure',
  text: `UPDATE erasure_order SET acknowledged_at = meridian_now()
    WHERE id = $1::uuid AND region = $2::text AND acknowledged_at IS NULL
    RETURNING id::text, kind, subject_id::text AS "subjectId"`,
}

/** The order that is acknowledged now; undefined for a repeat, which changes nothing, and where there is none. */
export async function acknowledgeErasureOrder(
  db: IdentityDb,
  region: string,
  id: string,
): Promise<StoredOrder | undefined> {
  const [row] = await db.sql(ACKNOWLEDGE, [id, region])
  return row === undefined ? undefined : orderSchema.parse(row)
}

const REOPEN: Statement = {
  name: 'reopen_erasure_orders',
  text: `UPDATE erasure_order SET acknowledged_at = NULL
    WHERE region = $1::text AND acknowledged_at >= coalesce(to_timestamp($2::float8 / 1000), '-infinity')
    RETURNING 1 AS reopened`,
}

/** Those that a region has acknowledged since then, or ever. Resolves to how many. */
export async function reopenErasureOrders(
  db: IdentityDb,
  region: string,
  sinceMs: number | undefined,
): Promise<number> {
  return (await db.sql(REOPEN, [region, sinceMs ?? null])).length
}

export async function isErasureOrderOf(db: IdentityDb, region: string, id: string): Promise<boolean> {
  return (await db.prisma.erasureOrder.count({ where: { id, region } })) === 1
}

/** The regions that have not said yet that they erased this; a region that is gone for good is not waited for. */
export async function listRegionsStillToErase(db: IdentityDb, { kind, subjectId }: Erased): Promise<readonly string[]> {
  const rows = await db.prisma.erasureOrder.findMany({
    where: { kind, subjectId, acknowledgedAt: null, place: { status: 'active' } },
    select: { region: true },
    orderBy: { region: 'asc' },
  })
  return rows.map((row) => row.region)
}
