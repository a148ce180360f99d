import type { Statement } from '@meridian/database/database'
import { publicJwkSchema } from '@meridian/protocol/jwks'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const algSchema = z.enum(['ES256', 'RS256'])

const signingKeySchema = z.object({
  kid: z.string(),
  alg: algSchema,
  status: z.enum(['staged', 'active', 'retiring', 'retired']),
  publicJwk: publicJwkSchema,
  sealedPrivateKey: z.instanceof(Uint8Array).nullable(),
  compromised: z.boolean(),
})
export type StoredSigningKey = z.infer<typeof signingKeySchema>
export type NewSigningKey = Omit<StoredSigningKey, 'status' | 'sealedPrivateKey' | 'compromised'> & {
  sealedPrivateKey: Uint8Array
}

// The active one comes first, for verifiers that take the first of its algorithm.
const LIST_KEYS: Statement = {
  name: 'list_signing_keys',
  text: `SELECT kid, alg, status, public_jwk AS "publicJwk", sealed_private_key AS "sealedPrivateKey", compromised
    FROM signing_key WHERE status <> 'retired' OR retired_at > meridian_now() - interval '400 days'
    ORDER BY alg, status <> 'active', status, created_at DESC, kid`,
}

/** Staged, active and retiring keys, and those that were retired in the last 400 days. */
export async function listSigningKeys(db: IdentityDb): Promise<readonly StoredSigningKey[]> {
  return (await db.sql(LIST_KEYS, [])).map((row) => signingKeySchema.parse(row))
}

// Every transition changes it, and it costs a look at a few rows.
const READ_VERSION: Statement = {
  name: 'read_key_version',
  text: `SELECT coalesce(string_agg(kid || ' ' || status, ',' ORDER BY kid), '') AS version
    FROM signing_key WHERE status <> 'retired'`,
}

/** Changes whenever a key changes its status. */
export async function readKeyVersion(db: IdentityDb): Promise<string> {
  const [row] = await db.sql(READ_VERSION, [])
  return z.object({ version: z.string() }).parse(row).version
}

const INSERT_ACTIVE: Statement = {
  name: 'insert_active_signing_key',
  text: `INSERT INTO signing_key (kid, alg, status, public_jwk, sealed_private_key, activated_at)
    VALUES ($1::text, $2::text, 'active', $3::text::jsonb, $4::bytea, meridian_now())
    ON CONFLICT (alg) WHERE status = 'active' DO NOTHING RETURNING kid`,
}

/** Adds an active key where its algorithm has none; where another process was quicker, nothing happens. */
export async function insertActiveSigningKey(db: IdentityDb, key: NewSigningKey): Promise<boolean> {
  return isDone(await db.sql(INSERT_ACTIVE, valuesOf(key)))
}

const STAGE: Statement = {
  name: 'stage_signing_key',
  text: `INSERT INTO signing_key (kid, alg, status, public_jwk, sealed_private_key)
    SELECT $1::text, $2::text, 'staged', $3::text::jsonb, $4::bytea
    WHERE NOT EXISTS (SELECT FROM signing_key WHERE alg = $2::text AND status = 'staged') RETURNING kid`,
}

/** Needs the lock: nothing else keeps two from seeing that there is none. */
export async function stageSigningKey(db: IdentityDb, key: NewSigningKey): Promise<boolean> {
  return isDone(await db.sql(STAGE, valuesOf(key)))
}

// The row of `outgoing` is read, and so changed, before the last line changes its own: at no time are two active.
const ACTIVATE: Statement = {
  name: 'activate_signing_key',
  text: `WITH incoming AS (SELECT alg FROM signing_key WHERE kid = $1::text AND status = 'staged'),
    outgoing AS (
      UPDATE signing_key k SET status = 'retiring', retiring_at = meridian_now()
      FROM incoming i WHERE k.alg = i.alg AND k.status = 'active' RETURNING k.kid
    )
    UPDATE signing_key k SET status = 'active', activated_at = meridian_now()
    FROM outgoing WHERE k.kid = $1::text AND k.status = 'staged' RETURNING k.kid`,
}

/** The staged key signs from now on, and the one that did becomes retiring. */
export async function activateSigningKey(db: IdentityDb, kid: string): Promise<boolean> {
  return isDone(await db.sql(ACTIVATE, [kid]))
}

const RETIRE: Statement = {
  name: 'retire_signing_key',
  text: `UPDATE signing_key SET status = 'retired', retired_at = meridian_now(), sealed_private_key = NULL
    WHERE kid = $1::text AND status = 'retiring' RETURNING kid`,
}

/** Erases the private half for good. */
export async function retireSigningKey(db: IdentityDb, kid: string): Promise<boolean> {
  return isDone(await db.sql(RETIRE, [kid]))
}

const REVOKE: Statement = {
  name: 'revoke_signing_key',
  text: `WITH revoked AS (
      UPDATE signing_key SET status = 'retired', compromised = true, retired_at = meridian_now(), sealed_private_key = NULL
      WHERE kid = $1::text AND status <> 'retired' RETURNING kid
    )
    INSERT INTO revocation (kind, subject) SELECT 'key', kid FROM revoked RETURNING subject`,
}

/** Ends a compromised key at once, and tells the regions. */
export async function revokeSigningKey(db: IdentityDb, kid: string): Promise<boolean> {
  return isDone(await db.sql(REVOKE, [kid]))
}

const RESEAL: Statement = {
  name: 'reseal_signing_key',
  text: "UPDATE signing_key SET sealed_private_key = $2::bytea WHERE kid = $1::text AND status <> 'retired' RETURNING kid",
}

export async function replaceSealedKey(db: IdentityDb, kid: string, sealed: Uint8Array): Promise<boolean> {
  return isDone(await db.sql(RESEAL, [kid, sealed]))
}

const LOCK: Statement = {
  name: 'lock_signing_keys',
  text: "SELECT true AS locked FROM pg_advisory_xact_lock(hashtext('meridian signing keys'))",
}

/** Until the end of the transaction nobody else changes the keys. */
export async function lockSigningKeys(db: IdentityDb): Promise<void> {
  await db.sql(LOCK, [])
}

const livingKeysSchema = z.object({
  now: z.number(),
  keys: z.array(
    z.object({ kid: z.string(), alg: algSchema, status: z.enum(['staged', 'active', 'retiring']), since: z.number() }),
  ),
  regions: z.array(z.object({ code: z.string(), kids: z.array(z.string()) })),
})

const READ_LIVING: Statement = {
  name: 'read_living_signing_keys',
  text: `SELECT extract(epoch FROM meridian_now())::float8 AS now,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('kid', kid, 'alg', alg, 'status', status, 'since',
          extract(epoch FROM CASE status WHEN 'staged' THEN created_at WHEN 'active' THEN activated_at
            ELSE retiring_at END)) ORDER BY alg, created_at, kid), '[]')
        FROM signing_key WHERE status <> 'retired') AS keys,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('code', r.code, 'kids',
          (SELECT coalesce(jsonb_agg(h.kid), '[]') FROM region_key_report h WHERE h.region = r.code)) ORDER BY r.code), '[]')
        FROM region r WHERE r.status = 'active'
          AND EXISTS (SELECT FROM client c WHERE c.region = r.code AND c.status = 'active')) AS regions`,
}

/** The keys that are not retired, since when they are what they are, and which of them each live region holds. */
export async function readLivingKeys(db: IdentityDb): Promise<z.infer<typeof livingKeysSchema>> {
  const [row] = await db.sql(READ_LIVING, [])
  return livingKeysSchema.parse(row)
}

const REPORT: Statement = {
  name: 'report_region_keys',
  text: `WITH forgotten AS (DELETE FROM region_key_report WHERE region = $1::text AND kid <> ALL ($2::text[]))
    INSERT INTO region_key_report (region, kid)
    SELECT $1::text, kid FROM signing_key WHERE kid = ANY ($2::text[]) ON CONFLICT DO NOTHING`,
}

/** What a region holds is exactly this. A kid that is none of ours is not kept. */
export async function replaceRegionKeys(db: IdentityDb, region: string, kids: readonly string[]): Promise<void> {
  await db.sql(REPORT, [region, kids])
}

function valuesOf(key: NewSigningKey): readonly unknown[] {
  return [key.kid, key.alg, JSON.stringify(key.publicJwk), key.sealedPrivateKey]
}

function isDone(rows: readonly unknown[]): boolean {
  return rows.length === 1
}
