// What introspection reads: whether what a token vouches for still holds. Nothing here changes anything.
import type { Statement } from '@meridian/database/database'
import { sessionIdSchema, userIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import { ADMITTING_MEMBERSHIP, CLOCK, LIVE_FAMILY, LIVE_PARTIES, TARGET_TABLES } from './mint-statements.ts'
import type { IdentityDb } from './open-store.ts'

// The audience is the region's address and not its code: a region that moved has no tokens under the old one.
const FIND_ADMISSION: Statement = {
  name: 'find_admission',
  text: `SELECT u.id::text AS user_id, extract(epoch FROM t.now)::float8 AS now
    FROM ${CLOCK}, session s, user_account u, client c, ${TARGET_TABLES}
    WHERE s.id = $1::uuid AND s.revoked_at IS NULL AND u.id = s.user_id AND u.status = 'active'
      AND c.id = $2::text AND c.id = s.client_id AND c.status = 'active'
      AND m.id = $3::uuid AND m.version = $4::integer AND o.id = $5::uuid AND r.code = $6::text AND r.api_url = $7::text
      AND ${ADMITTING_MEMBERSHIP}`,
}

const admissionSchema = z.object({ user_id: userIdSchema, now: z.number() })

export type VouchedAdmission = {
  readonly sid: string
  readonly client_id: string
  readonly mid: string
  readonly mv: number
  readonly org_id: string
  readonly region: string
  readonly aud: string
}

/** Whose admission a region token vouches for, if it would be given now as it was then. */
export async function findAdmission(
  db: IdentityDb,
  { sid, client_id, mid, mv, org_id, region, aud }: VouchedAdmission,
): Promise<z.infer<typeof admissionSchema> | undefined> {
  const [row] = await db.sql(FIND_ADMISSION, [sid, client_id, mid, mv, org_id, region, aud])
  return row === undefined ? undefined : admissionSchema.parse(row)
}

const FIND_HEAD: Statement = {
  name: 'find_head',
  text: `SELECT f.scope, u.id::text AS user_id, s.id::text AS session_id,
      extract(epoch FROM s.auth_time)::float8 AS auth_time, extract(epoch FROM f.rotated_at)::float8 AS issued_at,
      extract(epoch FROM least(f.idle_expires_at, f.absolute_expires_at))::float8 AS expires_at
    FROM ${CLOCK}, refresh_token_family f, session s, user_account u, client c
    WHERE f.id = $1::uuid AND f.client_id = $2::text AND f.counter = $3::integer AND f.epoch = $4::bigint
      AND ${LIVE_FAMILY} AND ${LIVE_PARTIES}`,
}

const headSchema = z.object({
  scope: z.string(),
  user_id: userIdSchema,
  session_id: sessionIdSchema,
  /** Seconds since the epoch, as the other times. */
  auth_time: z.number(),
  issued_at: z.number(),
  expires_at: z.number(),
})
export type Head = z.infer<typeof headSchema>

/** The live family of which this refresh token is the head. */
export async function findHead(
  db: IdentityDb,
  clientId: string,
  token: { readonly familyId: string; readonly counter: number; readonly epoch: string },
): Promise<Head | undefined> {
  const [row] = await db.sql(FIND_HEAD, [token.familyId, clientId, token.counter, token.epoch])
  return row === undefined ? undefined : headSchema.parse(row)
}
