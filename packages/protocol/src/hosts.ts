// Which organization and region a host leads to. A region reads all of its own (`GET /v1/regions/{code}/hosts`), keeps
// them, and goes on with what it holds while the centre is away; a proxy asks for one (`GET /v1/hosts/resolve`).
import { z } from 'zod'
import { orgIdSchema, orgSlugSchema, regionCodeSchema } from './ids.ts'

/** So many a region holds. */
export const HOSTS_MAX = 100_000
const hostSchema = z.string().min(1).max(253)
const statusSchema = z.enum(['active', 'maintenance'])

/** Centre and regions are deployed on their own: a region asks for the form that it reads, and gets the first one else. */
export const hostMapQuerySchema = z.strictObject({ form: z.literal('2').optional() })

export const hostEntrySchema = z.strictObject({
  /** Without port, lower case; each belongs to one organization in this region. */
  host: hostSchema,
  org_id: orgIdSchema,
  /** Left out in the first form, as is the rest. */
  status: statusSchema.optional(),
  /** Rises when what the host leads to changes. */
  version: z.int().optional(),
  /** The host that has taken the place of this one. */
  redirect_to: hostSchema.optional(),
})
export type HostEntry = z.infer<typeof hostEntrySchema>

/** As the centre answers. */
export const hostMapSchema = z.strictObject({
  region: regionCodeSchema,
  hosts: z.array(hostEntrySchema),
})
export type HostMap = z.infer<typeof hostMapSchema>

/** As a region reads it, also from a centre that is older or newer than itself. A host in no state that it knows is left out. */
export const heldHostMapSchema = z.object({
  region: regionCodeSchema,
  hosts: z.array(z.object({ ...hostEntrySchema.shape, status: z.string().default('active') })).transform((hosts) =>
    hosts.flatMap(({ status, ...entry }) => {
      const known = statusSchema.safeParse(status)
      return known.success ? [{ ...entry, status: known.data }] : []
    }),
  ),
})

export const hostQuerySchema = z.strictObject({ host: z.string().min(1).max(300) })
export const tlsQuerySchema = z.strictObject({ domain: z.string().min(1).max(300) })

export const hostResolutionSchema = z.strictObject({
  host: hostSchema,
  org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema }),
  region: regionCodeSchema,
  /** Anybody may ask: maintenance is told to regions alone, in their maps. */
  status: z.literal('active'),
  version: z.int(),
  /** Where people should be sent instead, with status 308; null where they are right. */
  redirect_to: hostSchema.nullable(),
})
export type HostResolution = z.infer<typeof hostResolutionSchema>
