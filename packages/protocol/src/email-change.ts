// Changing the own address: `POST /v1/me/email` mails a code to the new one, `POST /v1/me/email/confirm` takes it.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'

/** Body of `POST /v1/me/email`. With `change_session` it asks for another code, once `resend_in` is over. */
export const emailChangeRequestSchema = z.strictObject({
  email: emailAddressSchema,
  change_session: z.string().max(200).optional(),
})

export const emailChangeStartedSchema = z.strictObject({
  /** Names the change to its confirmation, in the same sign-in alone. */
  change_session: z.string(),
  /** Seconds. */
  expires_in: z.int(),
  resend_in: z.int(),
})
export type EmailChangeStarted = z.infer<typeof emailChangeStartedSchema>

/** Body of `POST /v1/me/email/confirm`. */
export const emailChangeConfirmationSchema = z.strictObject({
  change_session: z.string().max(200),
  otp: z.string().max(40),
})

export const emailChangedSchema = z.strictObject({ email: emailAddressSchema })
export type EmailChanged = z.infer<typeof emailChangedSchema>
