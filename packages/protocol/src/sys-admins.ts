// Who administers the platform: `/v1/sys-admins`, for sys-admins alone.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { userIdSchema } from './ids.ts'
import { displayNameSchema } from './orgs.ts'

/** Body of `POST /v1/sys-admins`. Who has an account already keeps their name. */
export const sysAdminAppointmentSchema = z.strictObject({ email: emailAddressSchema, name: displayNameSchema })
export type SysAdminAppointment = z.infer<typeof sysAdminAppointmentSchema>

export const sysAdminSchema = z.strictObject({
  id: userIdSchema,
  email: z.string().nullable(),
  name: z.string(),
  status: z.enum(['active', 'disabled']),
  created_at: z.iso.datetime(),
})
export type SysAdmin = z.infer<typeof sysAdminSchema>

export const sysAdminPageSchema = z.strictObject({
  sys_admins: z.array(sysAdminSchema),
  next_cursor: z.uuidv7().nullable(),
})
export type SysAdminPage = z.infer<typeof sysAdminPageSchema>
