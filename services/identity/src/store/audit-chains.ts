// The chains as the verifier reads them: page by page, and never taking one thing's word for another's.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { AUDIT_COLUMNS, auditRowSchema, PLATFORM_CHAIN } from './audit-rows.ts'
import type { IdentityDb } from './open-store.ts'

const firstChainOf = (table: string) =>
  `(SELECT chain FROM ${table} WHERE $1::uuid IS NULL OR chain > $1::uuid ORDER BY chain LIMIT 1)`

const FIND_NEXT_CHAIN: Statement = {
  name: 'find_next_audit_chain',
  text: `SELECT chain::text FROM (${['audit_seal', 'audit_chain', 'audit_checkpoint'].map(firstChainOf).join(' UNION ')}) c
    ORDER BY c.chain LIMIT 1`,
}

/** The chain after this one, of which there is anything at all. */
export async function findNextChain(db: IdentityDb, after: string | null): Promise<string | undefined> {
  const [row] = await db.sql(FIND_NEXT_CHAIN, [after])
  return row === undefined ? undefined : z.object({ chain: z.string() }).parse(row).chain
}

const READ_HEAD: Statement = {
  name: 'read_audit_chain',
  text: `SELECT coalesce((SELECT seq FROM audit_chain WHERE chain = $1::uuid), 0)::text AS seq,
      coalesce((SELECT encode(hash, 'hex') FROM audit_chain WHERE chain = $1::uuid), '') AS hash,
      (SELECT count(*) FROM audit_seal WHERE chain = $1::uuid AND seq IS NULL)::integer AS waiting,
      extract(epoch FROM meridian_now())::float8 AS now`,
}
const headSchema = z.object({ seq: z.coerce.number(), hash: z.string(), waiting: z.number(), now: z.number() })

export async function readChainHead(db: IdentityDb, chain: string): Promise<z.infer<typeof headSchema>> {
  const [row] = await db.sql(READ_HEAD, [chain])
  return headSchema.parse(row)
}

const READ_SEALED: Statement = {
  name: 'read_sealed_audit_events',
  text: `SELECT s.seq::text AS seq, encode(s.hash, 'hex') AS hash, s.event_id::text,
      CASE WHEN e.id IS NULL THEN NULL ELSE extract(epoch FROM e.at)::float8 END AS seconds,
      p.salt, p.details AS personal, ${AUDIT_COLUMNS}
    FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id LEFT JOIN audit_personal p ON p.event_id = s.event_id
    WHERE s.chain = $1::uuid AND s.seq > $2::bigint ORDER BY s.seq LIMIT $3::integer`,
}

const sealSchema = z.object({ seq: z.coerce.number(), hash: z.string(), event_id: z.string() })
const wholeSchema = auditRowSchema.extend({
  seconds: z.number(),
  salt: z.instanceof(Uint8Array).nullable(),
  personal: z.string().nullable(),
})
export type SealedRow = z.infer<typeof sealSchema> & { readonly event: z.infer<typeof wholeSchema> | undefined }

/** In the order of the chain; `event` is undefined where a seal has none. */
export async function readSealedEvents(
  db: IdentityDb,
  chain: string,
  afterSeq: number,
  limit: number,
): Promise<readonly SealedRow[]> {
  const rows = await db.sql(READ_SEALED, [chain, String(afterSeq), limit])
  return rows.map((row) => ({
    ...sealSchema.parse(row),
    event: row['id'] === null ? undefined : wholeSchema.parse(row),
  }))
}

const READ_CHECKPOINTS: Statement = {
  name: 'read_audit_checkpoints',
  text: `SELECT seq::text AS seq, token FROM audit_checkpoint
    WHERE chain = $1::uuid AND seq > $2::bigint AND seq <= $3::bigint ORDER BY seq LIMIT 1000`,
}
const checkpointSchema = z.object({ seq: z.coerce.number(), token: z.string() })
export type CheckpointRow = z.infer<typeof checkpointSchema>

export async function readCheckpoints(
  db: IdentityDb,
  chain: string,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): Promise<readonly CheckpointRow[]> {
  const rows = await db.sql(READ_CHECKPOINTS, [chain, String(after), String(upTo)])
  return rows.map((row) => checkpointSchema.parse(row))
}

const FIND_BEYOND: Statement = {
  name: 'find_audit_checkpoint_beyond',
  text: 'SELECT 1 AS found FROM audit_checkpoint WHERE chain = $1::uuid AND seq > $2::bigint LIMIT 1',
}

/** Whether more of a chain was signed than this. */
export async function findCheckpointBeyond(db: IdentityDb, chain: string, seq: number): Promise<boolean> {
  return (await db.sql(FIND_BEYOND, [chain, String(seq)])).length > 0
}

const FIND_STRAYS: Statement = {
  name: 'find_stray_audit_events',
  text: `SELECT count(*)::integer AS seen, (array_agg(e.id ORDER BY e.id DESC))[1]::text AS last,
      coalesce(jsonb_agg(jsonb_build_object('event', e.id, 'chain', coalesce(e.org_id, '${PLATFORM_CHAIN}')) ORDER BY e.id)
        FILTER (WHERE s.event_id IS NULL), '[]') AS strays
    FROM (SELECT id, org_id FROM audit_event WHERE $1::uuid IS NULL OR id > $1::uuid ORDER BY id LIMIT $2::integer) e
      LEFT JOIN audit_seal s ON s.event_id = e.id`,
}
const straysSchema = z.object({
  seen: z.number(),
  last: z.string().nullable(),
  strays: z.array(z.object({ event: z.string(), chain: z.string() })),
})

/** Of one page of all events: those that were never to be sealed, which no event of ours is. */
export async function findStrays(
  db: IdentityDb,
  after: string | null,
  limit: number,
): Promise<z.infer<typeof straysSchema>> {
  const [row] = await db.sql(FIND_STRAYS, [after, limit])
  return straysSchema.parse(row)
}

const COUNT_SEALED: Statement = {
  name: 'count_sealed_audit_events',
  text: `SELECT coalesce(sum(seq), 0)::text AS total FROM audit_chain WHERE $1::uuid IS NULL OR chain = $1::uuid`,
}

/** How many there should be, by the heads of the chains. */
export async function countSealed(db: IdentityDb, chain: string | null): Promise<number> {
  const [row] = await db.sql(COUNT_SEALED, [chain])
  return z.object({ total: z.coerce.number() }).parse(row).total
}
