// The chains as the sealer writes them: what waits, the head under its lock, what was sealed, what was signed.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { AUDIT_COLUMNS, type AuditRow, auditRowSchema } from './audit-rows.ts'
import type { IdentityDb } from './open-store.ts'

// Below xmin nothing is under way, so nothing can come before it any more. A visible row of a transaction that is yet to
// begin came out of another cluster's dump: it is as settled as can be.
const SETTLED = `(s.xid < pg_snapshot_xmin(pg_current_snapshot()) OR s.xid >= pg_snapshot_xmax(pg_current_snapshot()))`

const LIST_DUE: Statement = {
  name: 'list_due_audit_chains',
  text: `SELECT DISTINCT s.chain::text FROM audit_seal s WHERE s.seq IS NULL AND ${SETTLED}
    UNION SELECT chain::text FROM audit_chain WHERE unsigned_since < meridian_now() - make_interval(secs => $1::integer)
    LIMIT 500`,
}

/** The chains that have something to seal, or whose newest events no checkpoint has vouched for so long. */
export async function listDueChains(db: IdentityDb, unsignedSeconds: number): Promise<readonly string[]> {
  const rows = await db.sql(LIST_DUE, [unsignedSeconds])
  return rows.map((row) => z.object({ chain: z.string() }).parse(row).chain)
}

const BEGIN_CHAIN: Statement = {
  name: 'begin_audit_chain',
  text: 'INSERT INTO audit_chain (chain) VALUES ($1::uuid) ON CONFLICT DO NOTHING',
}
const LOCK_CHAIN: Statement = {
  name: 'lock_audit_chain',
  text: `SELECT seq::text, encode(hash, 'hex') AS hash, signed_seq::text,
      extract(epoch FROM meridian_now() - unsigned_since)::float8 AS unsigned_seconds,
      extract(epoch FROM meridian_now())::float8 AS now
    FROM audit_chain WHERE chain = $1::uuid FOR UPDATE SKIP LOCKED`,
}

const headSchema = z.object({
  seq: z.coerce.number(),
  hash: z.string(),
  signed_seq: z.coerce.number(),
  unsigned_seconds: z.number().nullable(),
  now: z.number(),
})
export type ChainHead = z.infer<typeof headSchema>

/** The head, until the transaction ends this sealer's alone; undefined while it is another's. */
export async function lockChain(db: IdentityDb, chain: string): Promise<ChainHead | undefined> {
  await db.sql(BEGIN_CHAIN, [chain])
  const [row] = await db.sql(LOCK_CHAIN, [chain])
  return row === undefined ? undefined : headSchema.parse(row)
}

const READ_WAITING: Statement = {
  name: 'read_waiting_audit_events',
  text: `SELECT ${AUDIT_COLUMNS} FROM audit_seal s JOIN audit_event e ON e.id = s.event_id
    WHERE s.chain = $1::uuid AND s.seq IS NULL AND ${SETTLED} ORDER BY s.xid, s.event_id LIMIT $2::integer`,
}

export async function readWaitingEvents(db: IdentityDb, chain: string, limit: number): Promise<readonly AuditRow[]> {
  return (await db.sql(READ_WAITING, [chain, limit])).map((row) => auditRowSchema.parse(row))
}

const WRITE_SEALS: Statement = {
  name: 'write_audit_seals',
  text: `UPDATE audit_seal s SET seq = x.seq, hash = decode(x.hash, 'hex')
    FROM jsonb_to_recordset($1::text::jsonb) AS x(id uuid, seq bigint, hash text)
    WHERE s.event_id = x.id AND s.seq IS NULL RETURNING 1 AS sealed`,
}
const ADVANCE: Statement = {
  name: 'advance_audit_chain',
  text: `UPDATE audit_chain SET seq = $2::bigint, hash = decode($3::text, 'hex'),
      unsigned_since = coalesce(unsigned_since, meridian_now())
    WHERE chain = $1::uuid`,
}

export type Seal = { readonly id: string; readonly seq: number; readonly hash: string }

/** Appends to a chain whose head is locked; the last seal is its new head. */
export async function writeSeals(db: IdentityDb, chain: string, seals: readonly Seal[]): Promise<void> {
  const written = await db.sql(WRITE_SEALS, [JSON.stringify(seals)])
  const last = seals.at(-1)
  if (last === undefined || written.length !== seals.length) throw new Error('an event was sealed by somebody else')
  await db.sql(ADVANCE, [chain, String(last.seq), last.hash])
}

const INSERT_CHECKPOINT: Statement = {
  name: 'insert_audit_checkpoint',
  text: 'INSERT INTO audit_checkpoint (chain, seq, token) VALUES ($1::uuid, $2::bigint, $3::text)',
}
const SIGN_HEAD: Statement = {
  name: 'sign_audit_chain',
  text: 'UPDATE audit_chain SET signed_seq = seq, unsigned_since = NULL WHERE chain = $1::uuid',
}

export async function insertCheckpoint(db: IdentityDb, chain: string, seq: number, token: string): Promise<void> {
  await db.sql(INSERT_CHECKPOINT, [chain, String(seq), token])
  await db.sql(SIGN_HEAD, [chain])
}

const READ_BACKLOG: Statement = {
  name: 'read_audit_backlog',
  text: `SELECT count(*)::integer AS waiting,
      coalesce(extract(epoch FROM meridian_now() - min(e.at)), 0)::float8 AS oldest_seconds
    FROM audit_seal s JOIN audit_event e ON e.id = s.event_id WHERE s.seq IS NULL`,
}

const backlogSchema = z.object({ waiting: z.number(), oldest_seconds: z.number() })
export type SealBacklog = z.infer<typeof backlogSchema>

export async function readBacklog(db: IdentityDb): Promise<SealBacklog> {
  const [row] = await db.sql(READ_BACKLOG, [])
  return backlogSchema.parse(row)
}
