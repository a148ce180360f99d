// What a support token vouches for, re-read in the statement that notes its use or answers for it.
import type { Statement } from '@meridian/database/database'
import { membershipIdSchema, orgIdSchema, regionCodeSchema, userIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { VouchedAdmission } from './introspection.ts'
import { signedInSchema } from './mint-state.ts'
import { ADMITTING_SUPPORT, CLOCK, SIGNED_IN_COLUMNS, SUPPORT_TABLES } from './mint-statements.ts'
import type { IdentityDb } from './open-store.ts'
import { idNamedBy } from './organization-names.ts'

const LIVE_SIGN_IN = `s.revoked_at IS NULL AND u.id = s.user_id AND u.status = 'active'
  AND c.id = s.client_id AND c.status = 'active'`

// Of several the one that was decided on last. The row is asked once more where it is written: an end that came first wins.
const USE_GRANT: Statement = {
  name: 'use_support_grant',
  text: `UPDATE support_grant g SET last_used_at = t.now
    FROM ${CLOCK}, session s, user_account u, client c, LATERAL (
      SELECT k.id, r.api_url AS audience FROM ${SUPPORT_TABLES}
      WHERE ${ADMITTING_SUPPORT} AND r.api_url = $3::text AND o.id = ${idNamedBy('$4')}
      ORDER BY k.decided_at DESC, k.id DESC LIMIT 1) chosen
    WHERE g.id = chosen.id AND g.status = 'approved' AND s.id = $1::uuid AND c.id = $2::text AND ${LIVE_SIGN_IN}
    RETURNING ${SIGNED_IN_COLUMNS}, g.id::text AS mid, g.version AS mv, g.role, g.org_id::text AS org_id, g.region,
      chosen.audience, extract(epoch FROM g.expires_at)::float8 AS expires_at`,
}

const supportMintSchema = z.object({
  ...signedInSchema.shape,
  mid: membershipIdSchema,
  mv: z.number(),
  role: z.enum(['viewer', 'member']),
  org_id: orgIdSchema,
  region: regionCodeSchema,
  audience: z.string(),
  /** Seconds since the epoch. */
  expires_at: z.number(),
})
export type SupportMint = z.infer<typeof supportMintSchema>

/** The state behind a support token, for a sys-admin's session of this client; notes that the grant was used. */
export async function useSupportGrant(
  db: IdentityDb,
  session: { readonly sessionId: string; readonly clientId: string },
  target: { readonly resource: string; readonly org: string },
): Promise<SupportMint | undefined> {
  const values = [session.sessionId, session.clientId, target.resource, target.org]
  const [row] = await db.sql(USE_GRANT, values)
  return row === undefined ? undefined : supportMintSchema.parse(row)
}

const FIND_SUPPORT_ADMISSION: Statement = {
  name: 'find_support_admission',
  text: `SELECT u.id::text AS actor, extract(epoch FROM t.now)::float8 AS now
    FROM ${CLOCK}, session s, user_account u, client c, ${SUPPORT_TABLES}
    WHERE s.id = $1::uuid AND c.id = $2::text AND ${LIVE_SIGN_IN} AND ${ADMITTING_SUPPORT}
      AND k.id = $3::uuid AND k.version = $4::integer AND o.id = $5::uuid AND r.code = $6::text AND r.api_url = $7::text`,
}

const admissionSchema = z.object({ actor: userIdSchema, now: z.number() })

/** Who acts by a support token, if it would be given now as it was then. */
export async function findSupportAdmission(
  db: IdentityDb,
  { sid, client_id, mid, mv, org_id, region, aud }: VouchedAdmission,
): Promise<z.infer<typeof admissionSchema> | undefined> {
  const [row] = await db.sql(FIND_SUPPORT_ADMISSION, [sid, client_id, mid, mv, org_id, region, aud])
  return row === undefined ? undefined : admissionSchema.parse(row)
}
