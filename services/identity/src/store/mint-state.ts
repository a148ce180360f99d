// What a mint needs to know, read (or rotated) in one statement. See mint-statements.ts for the SQL they share.
import type { Statement } from '@meridian/database/database'
import {
  membershipIdSchema,
  orgIdSchema,
  regionCodeSchema,
  sessionIdSchema,
  userIdSchema,
} from '@meridian/protocol/ids'
import { platformRoleSchema } from '@meridian/protocol/me'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import {
  CHOSEN_CONTEXT,
  CLOCK,
  FAMILY_COLUMNS,
  familyTarget,
  LIVE_FAMILY,
  LIVE_PARTIES,
  SIGNED_IN_COLUMNS,
  TARGET_COLUMNS,
  TARGETS,
} from './mint-statements.ts'
import type { IdentityDb } from './open-store.ts'
import { idNamedBy } from './organization-names.ts'

export const signedInSchema = z.object({
  user_id: userIdSchema,
  platform_role: platformRoleSchema.nullable(),
  session_id: sessionIdSchema,
  /** Seconds since the epoch, as `now`; both by the database's clock. */
  auth_time: z.number(),
  amr: z.array(z.string()),
  now: z.number(),
})
export type SignedIn = z.infer<typeof signedInSchema>

const familySchema = z.object({
  family_id: z.string(),
  scope: z.string(),
  counter: z.number(),
  head_key_id: z.string(),
  epoch: z.string(),
  absolute_expires_at: z.number(),
})

const targetSchema = z.object({
  mid: membershipIdSchema,
  mv: z.number(),
  role: roleSchema,
  org_id: orgIdSchema,
  region: regionCodeSchema,
  audience: z.string(),
})
export type Target = z.infer<typeof targetSchema>

const contextSchema = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : text.split(' ')))
  .pipe(z.tuple([orgIdSchema, regionCodeSchema]).nullable())
  .transform((pair) => (pair === null ? null : { org: pair[0], region: pair[1] }))
export type ChosenContext = z.infer<typeof contextSchema>

const accountRowSchema = z.object({ ...signedInSchema.shape, ...familySchema.shape, context: contextSchema })
const regionRowSchema = z.object({ ...signedInSchema.shape, ...familySchema.shape, ...targetSchema.shape })
const exchangeRowSchema = z.object({ ...signedInSchema.shape, ...targetSchema.shape })

export type AccountMint = z.infer<typeof accountRowSchema>
export type RegionMint = z.infer<typeof regionRowSchema>
export type ExchangeMint = z.infer<typeof exchangeRowSchema>

/** What the token is asked for: null parts fall back to what the family is bound to. */
export type WantedTarget = { readonly resource: string | null; readonly org: string | null }

export type Rotation = {
  readonly familyId: string
  readonly clientId: string
  readonly presentedCounter: number
  readonly epoch: string
  readonly retryKeyHash: Uint8Array | null
  readonly newHeadKeyId: string
  /** A narrower scope that was asked for; null keeps the family's. */
  readonly scope: string | null
}

const rotate = (tables: string) => `UPDATE refresh_token_family AS f
  SET counter = f.counter + 1, rotated_at = t.now, retry_key_hash = $5::bytea, head_key_id = $6::text,
    idle_expires_at = least(t.now + make_interval(secs => f.idle_seconds), f.absolute_expires_at)
  FROM ${CLOCK}, session s, user_account u, client c${tables}
  WHERE f.id = $1::uuid AND f.client_id = $2::text AND f.counter = $3::integer AND f.epoch = $4::bigint
    AND ($7::text IS NULL OR string_to_array($7::text, ' ') <@ string_to_array(f.scope, ' '))
    AND ${LIVE_FAMILY} AND ${LIVE_PARTIES}`

const ROTATE_FOR_ACCOUNT: Statement = {
  name: 'rotate_for_account',
  text: `${rotate('')} AND c.account_token RETURNING ${SIGNED_IN_COLUMNS}, ${FAMILY_COLUMNS}, ${CHOSEN_CONTEXT}`,
}
const ROTATE_FOR_REGION: Statement = {
  name: 'rotate_for_region',
  text: `${rotate(`, ${TARGETS}`)} AND ${familyTarget('$8', '$9')}
    RETURNING ${SIGNED_IN_COLUMNS}, ${FAMILY_COLUMNS}, ${TARGET_COLUMNS}`,
}

const read = (columns: string, tables: string, condition: string) => `SELECT ${SIGNED_IN_COLUMNS}, ${columns}
  FROM ${CLOCK}, refresh_token_family f, session s, user_account u, client c${tables}
  WHERE f.id = $1::uuid AND ${LIVE_FAMILY} AND ${LIVE_PARTIES} AND ${condition}`

const READ_FOR_ACCOUNT: Statement = {
  name: 'read_for_account',
  text: read(`${FAMILY_COLUMNS}, ${CHOSEN_CONTEXT}`, '', 'c.account_token'),
}
const READ_FOR_REGION: Statement = {
  name: 'read_for_region',
  text: read(`${FAMILY_COLUMNS}, ${TARGET_COLUMNS}`, `, ${TARGETS}`, familyTarget('$2', '$3')),
}
const READ_FOR_EXCHANGE: Statement = {
  name: 'read_for_exchange',
  text: `SELECT ${SIGNED_IN_COLUMNS}, ${TARGET_COLUMNS}
    FROM ${CLOCK}, session s, user_account u, client c, ${TARGETS}
    WHERE s.id = $1::uuid AND s.revoked_at IS NULL AND u.id = s.user_id AND u.status = 'active'
      AND c.id = $2::text AND c.id = s.client_id AND c.status = 'active'
      AND g.audience = $3::text AND g.org_id = ${idNamedBy('$4')}`,
}

function rotationValues(rotation: Rotation): unknown[] {
  return [
    rotation.familyId,
    rotation.clientId,
    rotation.presentedCounter,
    rotation.epoch,
    rotation.retryKeyHash,
    rotation.newHeadKeyId,
    rotation.scope,
  ]
}

/** Rotates the head for an account token; undefined where any condition failed, and then nothing changed. */
export async function rotateForAccount(db: IdentityDb, rotation: Rotation): Promise<AccountMint | undefined> {
  const [row] = await db.sql(ROTATE_FOR_ACCOUNT, rotationValues(rotation))
  return row === undefined ? undefined : accountRowSchema.parse(row)
}

/** Rotates the head and admits to the target, or neither. */
export async function rotateForRegion(
  db: IdentityDb,
  rotation: Rotation,
  target: WantedTarget,
): Promise<RegionMint | undefined> {
  const [row] = await db.sql(ROTATE_FOR_REGION, [...rotationValues(rotation), target.resource, target.org])
  return row === undefined ? undefined : regionRowSchema.parse(row)
}

export async function readForAccount(db: IdentityDb, familyId: string): Promise<AccountMint | undefined> {
  const [row] = await db.sql(READ_FOR_ACCOUNT, [familyId])
  return row === undefined ? undefined : accountRowSchema.parse(row)
}

export async function readForRegion(
  db: IdentityDb,
  familyId: string,
  target: WantedTarget,
): Promise<RegionMint | undefined> {
  const [row] = await db.sql(READ_FOR_REGION, [familyId, target.resource, target.org])
  return row === undefined ? undefined : regionRowSchema.parse(row)
}

/** The state behind a token exchange: the session's own client only, and never a rotation. */
export async function readForExchange(
  db: IdentityDb,
  session: { sessionId: string; clientId: string },
  target: { resource: string; org: string },
): Promise<ExchangeMint | undefined> {
  const values = [session.sessionId, session.clientId, target.resource, target.org]
  const [row] = await db.sql(READ_FOR_EXCHANGE, values)
  return row === undefined ? undefined : exchangeRowSchema.parse(row)
}
