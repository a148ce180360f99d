// An organization's own domains: `/v1/orgs/{org}/domains`. Each leads to the organization in one region, from when it is
// proved by a TXT record until it is given up or its record has been missing for too long.
import { z } from 'zod'
import { orgIdSchema, regionCodeSchema } from './ids.ts'
import { nextCursorSchema } from './paging.ts'

export const domainIdSchema = z.uuidv7()

export const domainCreateSchema = z.strictObject({
  /** In one's own spelling: it is normalized (lower case, A-labels of RFC 5891). */
  domain: z.string().min(1).max(300),
  region: regionCodeSchema,
})
export type DomainCreate = z.infer<typeof domainCreateSchema>

export const domainStatusSchema = z.enum(['pending', 'active', 'degraded', 'disabled'])

const instant = z.iso.datetime()

export const domainSchema = z.strictObject({
  id: domainIdSchema,
  org_id: orgIdSchema,
  region: regionCodeSchema,
  domain: z.string(),
  status: domainStatusSchema,
  /** The one that the organization wants to be reached at in this region. */
  is_primary: z.boolean(),
  /** The record that proves it, for as long as it is used. */
  proof: z.strictObject({ type: z.literal('TXT'), name: z.string(), value: z.string() }),
  created_at: instant,
  verified_at: instant.nullable(),
  last_checked_at: instant.nullable(),
  /** Since when the record has not been there. */
  failing_since: instant.nullable(),
  version: z.int(),
})
export type Domain = z.infer<typeof domainSchema>

export const domainChangeSchema = z.strictObject({ is_primary: z.boolean() })

export const domainPageSchema = z.strictObject({ domains: z.array(domainSchema), next_cursor: nextCursorSchema })
export type DomainPage = z.infer<typeof domainPageSchema>
