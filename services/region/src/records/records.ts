// The resource that this region serves: an organization's records, versioned, changed only by who read the
// version that they replace (RFC 9110 §13.1.1). HTTP is http/api/records; rows are store/records.ts.
import type { MakeId } from '@meridian/database/uuid-v7'
import { type OrgId, type RecordId, recordIdSchema, type UserId } from '@meridian/protocol/ids'
import type { RecordCreate, RecordPatch } from '@meridian/protocol/records'
import type { RegionDatabase } from '../store/open-store.ts'
import {
  deleteRecord,
  type ExpectedVersions,
  findRecord,
  insertRecord,
  listRecords,
  type RecordRow,
  updateRecord,
} from '../store/records.ts'
import { withTenant } from '../store/tenant-transaction.ts'
import { RecordRefusal } from './record-refusal.ts'

export type { ExpectedVersions }

/** Whose records, and who acts. */
export type Actor = { readonly orgId: OrgId; readonly userId: UserId }

export type RecordsDeps = {
  readonly database: RegionDatabase
  readonly makeId: MakeId
  readonly nowMs: () => number
}

export function createRecord(deps: RecordsDeps, actor: Actor, create: RecordCreate): Promise<RecordRow> {
  const id = recordIdSchema.parse(deps.makeId())
  const record = { id, orgId: actor.orgId, ...create, createdBy: actor.userId, at: new Date(deps.nowMs()) }
  return withTenant(deps.database, actor.orgId, (db) => insertRecord(db, record))
}

/** Throws RecordRefusal (missing). */
export async function getRecord(deps: RecordsDeps, actor: Actor, id: RecordId): Promise<RecordRow> {
  const record = await withTenant(deps.database, actor.orgId, (db) => findRecord(db, actor.orgId, id))
  if (record === null) throw new RecordRefusal('missing')
  return record
}

export type RecordPage = { readonly records: readonly RecordRow[]; readonly nextBefore: RecordId | null }

export async function pageOfRecords(
  deps: RecordsDeps,
  actor: Actor,
  page: { limit: number; before: RecordId | null },
): Promise<RecordPage> {
  const oneMore = { ...page, limit: page.limit + 1 }
  const found = await withTenant(deps.database, actor.orgId, (db) => listRecords(db, actor.orgId, oneMore))
  const records = found.slice(0, page.limit)
  const last = records.at(-1)
  const hasMore = found.length > page.limit && last !== undefined
  return { records, nextBefore: hasMore ? recordIdSchema.parse(last.id) : null }
}

/** Throws RecordRefusal (missing, stale). */
export function changeRecord(
  deps: RecordsDeps,
  actor: Actor,
  id: RecordId,
  expected: ExpectedVersions,
  patch: RecordPatch,
): Promise<RecordRow> {
  const change = {
    ...(patch.title === undefined ? {} : { title: patch.title }),
    ...(patch.body === undefined ? {} : { body: patch.body }),
    at: new Date(deps.nowMs()),
  }
  return withTenant(deps.database, actor.orgId, async (db) => {
    const updated = await updateRecord(db, actor.orgId, id, expected, change)
    if (updated !== null) return updated
    throw new RecordRefusal((await findRecord(db, actor.orgId, id)) === null ? 'missing' : 'stale')
  })
}

/** Throws RecordRefusal (missing, stale). */
export function removeRecord(deps: RecordsDeps, actor: Actor, id: RecordId, expected: ExpectedVersions): Promise<void> {
  return withTenant(deps.database, actor.orgId, async (db) => {
    if (await deleteRecord(db, actor.orgId, id, expected)) return
    throw new RecordRefusal((await findRecord(db, actor.orgId, id)) === null ? 'missing' : 'stale')
  })
}
