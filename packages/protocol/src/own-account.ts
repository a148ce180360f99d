// What people change of their own account: `PATCH /v1/me`. Their address has email-change.ts.
import { z } from 'zod'
import { displayNameSchema } from './orgs.ts'

/** Body of `PATCH /v1/me`. */
export const meChangeSchema = z.strictObject({ name: displayNameSchema })
