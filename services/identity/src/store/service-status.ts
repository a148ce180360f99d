// How the service is, in numbers: what it waits for, and what waits for it.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const age = (since: string) => `extract(epoch FROM meridian_now() - min(${since}))::integer`

const REGIONS: Statement = {
  name: 'status_of_regions',
  text: `SELECT r.code, r.status, r.last_seen,
      (SELECT count(*)::integer FROM region_key_report k WHERE k.region = r.code) AS keys_held,
      (SELECT count(*)::integer FROM erasure_order e WHERE e.region = r.code AND e.acknowledged_at IS NULL) AS erasures_open,
      (SELECT ${age('e.created_at')} FROM erasure_order e
        WHERE e.region = r.code AND e.acknowledged_at IS NULL) AS oldest_erasure_seconds
    FROM region r ORDER BY r.code`,
}

const seconds = z.int().nullable()
const regionSchema = z.object({
  code: z.string(),
  status: z.string(),
  last_seen: z.date().nullable(),
  keys_held: z.int(),
  erasures_open: z.int(),
  oldest_erasure_seconds: seconds,
})
export type RegionStatus = z.infer<typeof regionSchema>

export async function readRegionStatus(db: IdentityDb): Promise<readonly RegionStatus[]> {
  return (await db.sql(REGIONS, [])).map((row) => regionSchema.parse(row))
}

const DUE = 'unsigned_since + make_interval(secs => $1::integer)'

const QUEUES: Statement = {
  name: 'status_of_queues',
  text: `SELECT 'mail' AS queue, count(*)::integer AS waiting, ${age('created_at')} AS oldest_seconds
      FROM mail_outbox WHERE status = 'pending' AND expires_at > meridian_now()
    UNION ALL SELECT 'jobs', count(*)::integer, ${age('created_at')} FROM job WHERE status = 'queued'
    UNION ALL SELECT 'organizations to purge', count(*)::integer, ${age('delete_after')}
      FROM organization WHERE status = 'deleted' AND purged_at IS NULL AND delete_after <= meridian_now()
    UNION ALL SELECT 'audit events to seal', count(*)::integer, ${age('e.at')}
      FROM audit_seal s JOIN audit_event e ON e.id = s.event_id WHERE s.seq IS NULL
    UNION ALL SELECT 'audit chains to sign', count(*)::integer, ${age(DUE)}
      FROM audit_chain WHERE ${DUE} < meridian_now()`,
}

const queueSchema = z.object({ queue: z.string(), waiting: z.int(), oldest_seconds: seconds })
export type QueueStatus = z.infer<typeof queueSchema>

/** A chain that is signed in time waits for nothing. */
export async function readQueueStatus(db: IdentityDb, checkpointSeconds: number): Promise<readonly QueueStatus[]> {
  return (await db.sql(QUEUES, [checkpointSeconds])).map((row) => queueSchema.parse(row))
}
