// What `/oauth/userinfo` answers (OpenID Connect Core §5.3.2): the claims of the scopes that were granted.
import { z } from 'zod'
import { userIdSchema } from './ids.ts'

export const userInfoSchema = z.strictObject({
  sub: userIdSchema,
  /** With `profile`. */
  name: z.string().optional(),
  /** With `email`. */
  email: z.string().optional(),
  email_verified: z.boolean().optional(),
})
export type UserInfo = z.infer<typeof userInfoSchema>
