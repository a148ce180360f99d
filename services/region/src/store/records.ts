// Rows of `record`. Every function runs inside one organization's transaction (tenant-transaction.ts); its WHERE
// names the organization too, and the policies hold where somebody forgets.
import type { OrgId, RecordId, UserId } from '@meridian/protocol/ids'
import type { TenantDb } from './open-store.ts'

export type RecordRow = {
  readonly id: string
  readonly orgId: string
  readonly title: string
  readonly body: string
  readonly version: number
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Which versions a change may replace. */
export type ExpectedVersions = 'any' | readonly number[]

export function insertRecord(
  db: TenantDb,
  record: { id: RecordId; orgId: OrgId; title: string; body: string; createdBy: UserId; at: Date },
): Promise<RecordRow> {
  const { at, ...columns } = record
  return db.prisma.record.create({ data: { ...columns, createdAt: at, updatedAt: at } })
}

export function findRecord(db: TenantDb, orgId: OrgId, id: RecordId): Promise<RecordRow | null> {
  return db.prisma.record.findFirst({ where: { id, orgId } })
}

/** Newest first, after `before` where given. */
export function listRecords(
  db: TenantDb,
  orgId: OrgId,
  page: { limit: number; before: RecordId | null },
): Promise<readonly RecordRow[]> {
  const older = page.before === null ? {} : { id: { lt: page.before } }
  return db.prisma.record.findMany({ where: { orgId, ...older }, orderBy: { id: 'desc' }, take: page.limit })
}

/** One conditional UPDATE: of two that expect the same version, one finds it. Null where nothing matched. */
export async function updateRecord(
  db: TenantDb,
  orgId: OrgId,
  id: RecordId,
  expected: ExpectedVersions,
  change: { title?: string; body?: string; at: Date },
): Promise<RecordRow | null> {
  const { at, ...columns } = change
  const [updated] = await db.prisma.record.updateManyAndReturn({
    where: { id, orgId, ...versionIn(expected) },
    data: { ...columns, updatedAt: at, version: { increment: 1 } },
  })
  return updated ?? null
}

/** Whether a row was there, in an expected version, and is gone now. */
export async function deleteRecord(
  db: TenantDb,
  orgId: OrgId,
  id: RecordId,
  expected: ExpectedVersions,
): Promise<boolean> {
  const { count } = await db.prisma.record.deleteMany({ where: { id, orgId, ...versionIn(expected) } })
  return count === 1
}

function versionIn(expected: ExpectedVersions) {
  return expected === 'any' ? {} : { version: { in: [...expected] } }
}
