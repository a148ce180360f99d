// The regions as the operator's registry has them, for sys-admins: they are set there and read here.
import { z } from 'zod'
import { regionCodeSchema } from './ids.ts'

export const registeredRegionSchema = z.strictObject({
  code: regionCodeSchema,
  name: z.string(),
  api_url: z.url(),
  host_suffix: z.string(),
  status: z.enum(['active', 'withdrawn']),
  last_seen: z.iso.datetime().nullable(),
})

export const registeredRegionListSchema = z.strictObject({ regions: z.array(registeredRegionSchema) })
export type RegisteredRegionList = z.infer<typeof registeredRegionListSchema>
