// Work that outlasts its request: it is answered with 202 and a job to follow.
import { z } from 'zod'
import { jobIdSchema } from './ids.ts'
import { invitationOutcomeSchema } from './invitations.ts'

export const jobSchema = z.strictObject({
  id: jobIdSchema,
  kind: z.enum(['invitations']),
  status: z.enum(['queued', 'done', 'failed']),
  /** Rows, and how many of them are done. */
  total: z.int(),
  done: z.int(),
  /** What became of each row that is done, by the line on which it begins. */
  report: z.array(
    z.strictObject({
      line: z.int(),
      outcome: invitationOutcomeSchema,
      /** With `duplicate`: the line that names the same address and region first. */
      first_line: z.int().optional(),
    }),
  ),
  created_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable(),
})
export type Job = z.infer<typeof jobSchema>
