// How many people an organization has, region by region: what sys-admins see instead of the people.
import { z } from 'zod'
import { orgIdSchema, regionCodeSchema } from './ids.ts'
import { nextCursorSchema, pageQuerySchema } from './paging.ts'

const countSchema = z.int().min(0)

export const regionSummarySchema = z.strictObject({
  region: regionCodeSchema,
  /** Active people of that role, whose account is active too. */
  managers: countSchema,
  members: countSchema,
  viewers: countSchema,
  /** By a manager, or because their account is locked. */
  suspended: countSchema,
  pending_invitations: countSchema,
  counted_at: z.iso.datetime(),
  /** Counted longer ago than counts are kept: it could not be counted again just now. */
  stale: z.boolean(),
  /** What the region says that it holds; null where it has not said anything yet. */
  reported: z
    .strictObject({
      members: countSchema,
      records: countSchema,
      reported_at: z.iso.datetime(),
      /** It holds another number of people than was counted here: lastingly so, and its copy is to be compared. */
      differs: z.boolean(),
    })
    .nullable(),
})

export const tenantSummarySchema = z.strictObject({
  org: z.strictObject({ id: orgIdSchema, slug: z.string(), name: z.string() }),
  regions: z.array(regionSummarySchema),
})
export type TenantSummary = z.infer<typeof tenantSummarySchema>

/** `live=true` counts again, however lately it was done. */
export const summaryQuerySchema = z.strictObject({ live: z.enum(['true', 'false']).default('false') })

export const summaryPageQuerySchema = pageQuerySchema.extend({ region: regionCodeSchema.optional() })

export const summaryPageSchema = z.strictObject({
  summaries: z.array(tenantSummarySchema),
  next_cursor: nextCursorSchema,
})
export type SummaryPage = z.infer<typeof summaryPageSchema>
