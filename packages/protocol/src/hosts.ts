// What a region needs to tell tenant hosts apart: `GET /v1/regions/{code}/hosts`, for that region's own
// client. The region keeps it, and goes on with what it holds while the centre is away.
import { z } from 'zod'
import { orgIdSchema, regionCodeSchema } from './ids.ts'

export const hostMapSchema = z.strictObject({
  region: regionCodeSchema,
  /** Host names without port, lower case; each belongs to one organization in this region. */
  hosts: z.array(z.strictObject({ host: z.string().min(1).max(253), org_id: orgIdSchema })).max(100_000),
})
export type HostMap = z.infer<typeof hostMapSchema>
