// Work that outlasts a request. A process takes a job for one transaction, in which it does a part of it and notes that;
// others pass over it meanwhile. Whoever dies in the middle has done nothing of that part.
import type { Statement } from '@meridian/database/database'
import { jobIdSchema } from '@meridian/protocol/ids'
import { jobSchema } from '@meridian/protocol/jobs'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const INSERT: Statement = {
  name: 'insert_job',
  text: `INSERT INTO job (id, kind, org_id, created_by, input, total, regions)
    SELECT $1::uuid, $2::text, $3::uuid, $4::uuid, $5::text::jsonb, $6::integer, string_to_array($7::text, ' ')
    WHERE NOT EXISTS (SELECT FROM job WHERE org_id = $3::uuid AND status = 'queued')`,
}

export type NewJob = {
  readonly id: string
  readonly kind: 'invitations'
  readonly orgId: string
  readonly createdBy: string
  readonly input: unknown
  readonly total: number
  /** Those that it concerns. */
  readonly regions: readonly string[]
}

/** Adds a job unless the organization has one under way. Needs its row locked; resolves to whether it did. */
export async function insertJob(db: IdentityDb, job: NewJob): Promise<boolean> {
  const { id, kind, orgId, createdBy, input, total, regions } = job
  await db.sql(INSERT, [id, kind, orgId, createdBy, JSON.stringify(input), total, regions.join(' ')])
  return (await findJob(db, orgId, id, { userId: createdBy, regions })) !== undefined
}

const FIND: Statement = {
  name: 'find_job',
  text: `SELECT id::text, kind, status, total, done, report, extract(epoch FROM created_at)::float8 AS created_at,
      extract(epoch FROM finished_at)::float8 AS finished_at
    FROM job WHERE id = $1::uuid AND org_id = $2::uuid AND (created_by = $3::uuid
      OR (cardinality(regions) > 0 AND regions <@ string_to_array($4::text, ' ')))`,
}

const jobRowSchema = z.object({
  id: jobIdSchema,
  kind: jobSchema.shape.kind,
  status: jobSchema.shape.status,
  total: z.number(),
  done: z.number(),
  report: jobSchema.shape.report,
  /** Seconds since the epoch, as the other. */
  created_at: z.number(),
  finished_at: z.number().nullable(),
})
export type JobRow = z.infer<typeof jobRowSchema>

/** For whoever started it, and for those who have a say in every region that it concerns. */
export async function findJob(
  db: IdentityDb,
  orgId: string,
  id: string,
  reader: { readonly userId: string; readonly regions: readonly string[] },
): Promise<JobRow | undefined> {
  const [row] = await db.sql(FIND, [id, orgId, reader.userId, reader.regions.join(' ')])
  return row === undefined ? undefined : jobRowSchema.parse(row)
}

const TAKE: Statement = {
  name: 'take_job',
  text: `SELECT id::text, kind, org_id::text, created_by::text, input, total, done FROM job
    WHERE status = 'queued' ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`,
}

const takenSchema = z.object({
  id: jobIdSchema,
  kind: jobSchema.shape.kind,
  org_id: z.string(),
  created_by: z.string(),
  input: z.unknown(),
  total: z.number(),
  done: z.number(),
})
export type TakenJob = z.infer<typeof takenSchema>

/** The oldest job that nobody works on, for this transaction alone. */
export async function takeJob(db: IdentityDb): Promise<TakenJob | undefined> {
  const [row] = await db.sql(TAKE, [])
  return row === undefined ? undefined : takenSchema.parse(row)
}

// What a job was made from is of no use once it is done, and is erased at once; its report is purged with the row.
const NOTE_PROGRESS: Statement = {
  name: 'note_job_progress',
  text: `UPDATE job SET done = $2::integer, report = report || $3::text::jsonb,
      status = CASE WHEN total = $2::integer THEN 'done' ELSE status END,
      finished_at = CASE WHEN total = $2::integer THEN meridian_now() END,
      input = CASE WHEN total = $2::integer THEN '{}' ELSE input END
    WHERE id = $1::uuid`,
}

export async function noteJobProgress(
  db: IdentityDb,
  id: string,
  done: number,
  report: readonly { readonly line: number; readonly outcome: string }[],
): Promise<void> {
  await db.sql(NOTE_PROGRESS, [id, done, JSON.stringify(report)])
}

const FAIL: Statement = {
  name: 'fail_job',
  text: `UPDATE job SET status = 'failed', finished_at = meridian_now(), input = '{}'
    WHERE id = $1::uuid AND status = 'queued'`,
}

/** Ends a job that cannot go on; what it has done stays done. */
export async function failJob(db: IdentityDb, id: string): Promise<void> {
  await db.sql(FAIL, [id])
}
