// How many requests an organization made in its regions, day by day: what regions report of it.
import { z } from 'zod'
import { regionCodeSchema } from './ids.ts'

/** Days that are kept. */
export const USAGE_KEPT_DAYS = 400

const daySchema = z.iso.date().refine((day) => day >= '2000-01-01', { error: 'is before all usage' })

/** Query: UTC days, both included; at most as many as are kept. */
export const usageQuerySchema = z
  .strictObject({ from: daySchema, to: daySchema })
  .refine(({ from, to }) => from <= to, { error: 'is before from', path: ['to'] })
  .refine(({ from, to }) => Date.parse(to) - Date.parse(from) < USAGE_KEPT_DAYS * 86_400_000, {
    error: `is more than ${USAGE_KEPT_DAYS} days`,
    path: ['to'],
  })
export type UsageQuery = z.infer<typeof usageQuerySchema>

export const usageSchema = z.strictObject({
  /** By day and region; a day without requests is left out. */
  usage: z.array(
    z.strictObject({
      day: z.iso.date(),
      region: regionCodeSchema,
      requests: z.int().nonnegative(),
      /** Of those, what was refused: no right, too many, or no such thing. */
      refused: z.int().nonnegative(),
    }),
  ),
})
export type Usage = z.infer<typeof usageSchema>
