// `/v1/records`, the resource that the reference region serves: per organization, versioned.
import { z } from 'zod'
import { orgIdSchema, recordIdSchema, userIdSchema } from './ids.ts'

const titleSchema = z.string().trim().min(1).max(200)
const bodySchema = z.string().max(100_000)

export const recordCreateSchema = z.strictObject({ title: titleSchema, body: bodySchema.default('') })
export type RecordCreate = z.infer<typeof recordCreateSchema>

/** At least one member; the version to change comes in `If-Match` (RFC 9110 §13.1.1). */
export const recordPatchSchema = z
  .strictObject({ title: titleSchema.optional(), body: bodySchema.optional() })
  .refine((patch) => patch.title !== undefined || patch.body !== undefined, 'changes nothing')
export type RecordPatch = z.infer<typeof recordPatchSchema>

export const recordSchema = z.strictObject({
  id: recordIdSchema,
  org_id: orgIdSchema,
  title: z.string(),
  body: z.string(),
  version: z.int(),
  created_by: userIdSchema,
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})

export const recordPageSchema = z.strictObject({
  records: z.array(recordSchema),
  /** Opaque; pass it as `cursor` for the next page. Null on the last one. */
  next_cursor: z.string().nullable(),
})

export const recordQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
})
