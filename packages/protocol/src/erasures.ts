// What a region is to erase, and that it has: `GET /v1/regions/{code}/erasures` and `PUT …/erasures/{id}`, for that
// region's own client.
import { z } from 'zod'
import { nextCursorSchema } from './paging.ts'

export const erasureOrderSchema = z.strictObject({
  id: z.uuidv7(),
  kind: z.enum(['user', 'organization']),
  /** The id stays for good, as a tombstone: it is never given again. */
  subject_id: z.uuidv7(),
})
export type ErasureOrder = z.infer<typeof erasureOrderSchema>

/** Orders that are not acknowledged yet. */
export const erasureOrderPageSchema = z.strictObject({
  orders: z.array(erasureOrderSchema),
  next_cursor: nextCursorSchema,
})
export type ErasureOrderPage = z.infer<typeof erasureOrderPageSchema>
