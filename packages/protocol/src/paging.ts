// Lists that may be long come in pages, oldest id first unless a list says otherwise.
import { z } from 'zod'

/** Query of a list. `cursor` is the `next_cursor` of the page before. */
export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.uuidv7().optional(),
})
export type PageQuery = z.infer<typeof pageQuerySchema>

/** Pass it as `cursor` for the next page. Null on the last one. */
export const nextCursorSchema = z.uuidv7().nullable()
