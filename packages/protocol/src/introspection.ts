// What `/oauth/introspect` answers (RFC 7662 §2.2). A token that is over, or none of the caller's business, is inactive
// and nothing else.
import { z } from 'zod'
import { orgIdSchema, regionCodeSchema, sessionIdSchema, userIdSchema } from './ids.ts'
import { roleSchema } from './roles.ts'

export const introspectionSchema = z.discriminatedUnion('active', [
  z.strictObject({ active: z.literal(false) }),
  z.strictObject({
    active: z.literal(true),
    scope: z.string(),
    client_id: z.string(),
    /** Of access tokens alone: RFC 6749 §5.1 knows no type for the others. */
    token_type: z.literal('Bearer').optional(),
    iss: z.string(),
    sub: z.string(),
    exp: z.int(),
    iat: z.int(),
    aud: z.string().optional(),
    jti: z.string().optional(),
    sid: sessionIdSchema.optional(),
    auth_time: z.int().optional(),
    org_id: orgIdSchema.optional(),
    region: regionCodeSchema.optional(),
    role: roleSchema.optional(),
    /** Of support access: who acts. RFC 8693 §4.1. */
    act: z.strictObject({ sub: userIdSchema }).optional(),
  }),
])
export type Introspection = z.infer<typeof introspectionSchema>
