import { recordIdSchema } from '@meridian/protocol/ids'
import { recordCreateSchema, recordPatchSchema, recordQuerySchema } from '@meridian/protocol/records'
import { z } from 'zod'

/** PostgreSQL's text holds no U+0000, and no half of a surrogate pair survives UTF-8. */
const isStorable = (text: string | undefined) => text === undefined || (text.isWellFormed() && !text.includes('\0'))
const UNSTORABLE = 'has a character that cannot be stored'

export const createBodySchema = recordCreateSchema
  .refine(({ title }) => isStorable(title), { path: ['title'], error: UNSTORABLE })
  .refine(({ body }) => isStorable(body), { path: ['body'], error: UNSTORABLE })

export const patchBodySchema = recordPatchSchema
  .refine(({ title }) => isStorable(title), { path: ['title'], error: UNSTORABLE })
  .refine(({ body }) => isStorable(body), { path: ['body'], error: UNSTORABLE })

/** Opaque to callers: the last id that they saw. Reading on from a foreign one shows nothing foreign. */
export const pageQuerySchema = recordQuerySchema.extend({
  cursor: z
    .string()
    .max(200)
    .transform((text) => Buffer.from(text, 'base64url').toString('latin1'))
    .pipe(recordIdSchema)
    .optional(),
})

export function encodeCursor(id: string): string {
  return Buffer.from(id, 'latin1').toString('base64url')
}
