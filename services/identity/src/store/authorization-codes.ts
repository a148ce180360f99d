import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { idNamedBy } from './organization-names.ts'

const INSERT_CODE: Statement = {
  name: 'insert_code',
  text: `INSERT INTO authorization_code
      (id, client_id, session_id, code_challenge, redirect_uri, nonce, scope, resource, org_id, expires_at)
    VALUES ($1::uuid, $2::text, $3::uuid, $4::text, $5::text, $6::text, $7::text, $8::text,
      (SELECT o.id FROM organization o WHERE o.id = ${idNamedBy('$9')}),
      meridian_now() + make_interval(secs => $10::integer))`,
}

export type NewCode = {
  readonly id: string
  readonly clientId: string
  readonly sessionId: string
  readonly codeChallenge: string
  readonly redirectUri: string | null
  readonly nonce: string | null
  readonly scope: string
  readonly resource: string | null
  /** Id or slug, as the client named it; one that names no organization is kept as none. */
  readonly org: string | null
  readonly ttlSeconds: number
}

export async function insertCode(db: IdentityDb, code: NewCode): Promise<void> {
  await db.sql(INSERT_CODE, [
    code.id,
    code.clientId,
    code.sessionId,
    code.codeChallenge,
    code.redirectUri,
    code.nonce,
    code.scope,
    code.resource,
    code.org,
    code.ttlSeconds,
  ])
}

/** What must match for a code to be redeemed. RFC 6749 §4.1.3, RFC 7636 §4.6. */
export type Presentation = {
  readonly codeId: string
  readonly clientId: string
  readonly codeChallenge: string
  readonly redirectUri: string | null
}

const MATCHES = `id = $1::uuid AND client_id = $2::text AND code_challenge = $3::text
  AND redirect_uri IS NOT DISTINCT FROM $4::text AND expires_at > meridian_now()`

const CONSUME_CODE: Statement = {
  name: 'consume_code',
  text: `UPDATE authorization_code SET consumed_at = meridian_now(), retry_key_hash = $5::bytea
    WHERE ${MATCHES} AND consumed_at IS NULL
    RETURNING session_id::text, scope, resource, org_id::text, nonce`,
}

const consumedCodeSchema = z.object({
  session_id: z.string(),
  scope: z.string(),
  resource: z.string().nullable(),
  org_id: z.string().nullable(),
  nonce: z.string().nullable(),
})
export type ConsumedCode = z.infer<typeof consumedCodeSchema>

/** Consumes the code if every check holds; undefined, and nothing changed, if one does not. */
export async function consumeCode(
  db: IdentityDb,
  presented: Presentation,
  retryKeyHash: Uint8Array | null,
): Promise<ConsumedCode | undefined> {
  const [row] = await db.sql(CONSUME_CODE, [...presentationValues(presented), retryKeyHash])
  return row === undefined ? undefined : consumedCodeSchema.parse(row)
}

const FIND_CONSUMED: Statement = {
  name: 'find_consumed_code',
  text: `SELECT nonce, coalesce(retry_key_hash = $5::bytea, false) AS same_request FROM authorization_code
    WHERE ${MATCHES} AND consumed_at IS NOT NULL`,
}

/** A consumed code presented again with every check passing, and whether as the same request. */
export async function findConsumedCode(
  db: IdentityDb,
  presented: Presentation,
  retryKeyHash: Uint8Array | null,
): Promise<{ same_request: boolean; nonce: string | null } | undefined> {
  const [row] = await db.sql(FIND_CONSUMED, [...presentationValues(presented), retryKeyHash])
  return row === undefined
    ? undefined
    : z.object({ same_request: z.boolean(), nonce: z.string().nullable() }).parse(row)
}

function presentationValues(presented: Presentation): unknown[] {
  return [presented.codeId, presented.clientId, presented.codeChallenge, presented.redirectUri]
}
