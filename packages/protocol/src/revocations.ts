// The revocation lane: what a region must refuse before its tokens end, `GET /v1/regions/{code}/revocations`, for that
// region's own client. Entries may come twice and in any order; versions say which is newer.
import { z } from 'zod'
import { ACCESS_TOKEN_MAX_TTL_SECONDS } from './access-token.ts'
import { membershipIdSchema, orgIdSchema, sessionIdSchema } from './ids.ts'
import { orgStatusSchema } from './orgs.ts'

/** The centre's clock, a region's and the way between them: what an entry is kept for beyond the last token's end. */
const MARGIN_SECONDS = 3900
/** After that no token is left that an entry could refuse. */
export const REVOCATION_KEPT_SECONDS = ACCESS_TOKEN_MAX_TTL_SECONDS + MARGIN_SECONDS
/** Longest that a question waits for news. */
export const REVOCATION_WAIT_MAX_SECONDS = 20

export const revocationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('session'), sid: sessionIdSchema }),
  /** Tokens that vouch for an older version of it are refused. */
  z.strictObject({ kind: z.literal('membership'), mid: membershipIdSchema, version: z.int().positive() }),
  /** As it is in this region: `deleted` also where it was withdrawn from there. */
  z.strictObject({
    kind: z.literal('organization'),
    org_id: orgIdSchema,
    status: orgStatusSchema,
    version: z.int().positive(),
  }),
  z.strictObject({ kind: z.literal('key'), kid: z.string().min(1).max(128) }),
])
export type Revocation = z.infer<typeof revocationSchema>

const cursorSchema = z.string().min(1).max(4096)

export const revocationQuerySchema = z.strictObject({
  after: cursorSchema.optional(),
  wait: z.coerce.number().int().min(0).max(REVOCATION_WAIT_MAX_SECONDS).default(0),
})

export const revocationPageSchema = z.strictObject({
  /** Everything that is revoked now, in as many pages as it takes: it replaces what has versions. */
  full: z.boolean(),
  /** Whether this is the first page of a round. */
  begins: z.boolean(),
  revocations: z.array(revocationSchema),
  /** Asked again with it at once. */
  more: z.boolean(),
  cursor: cursorSchema,
})
export type RevocationPage = z.infer<typeof revocationPageSchema>

/** As a region reads it: an entry that a newer centre sends, and this build does not know, must not hide the others. */
export const receivedRevocationPageSchema = z.object({
  full: z.boolean(),
  begins: z.boolean(),
  revocations: z.array(z.unknown()),
  more: z.boolean(),
  cursor: cursorSchema,
})
export type ReceivedRevocationPage = z.infer<typeof receivedRevocationPageSchema>
