// Invitations: made by managers for an address, answered by whoever has proved that the address is theirs.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { invitationIdSchema, orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from './ids.ts'
import { ownMembershipSchema } from './members.ts'
import { pageQuerySchema } from './paging.ts'
import { roleSchema } from './roles.ts'

const invitedRoleSchema = z.strictObject({ region: regionCodeSchema, role: roleSchema })

/** Body of `POST /v1/orgs/{org}/invitations`. */
export const invitationCreateSchema = z.strictObject({
  email: emailAddressSchema,
  roles: z
    .array(invitedRoleSchema)
    .min(1)
    .max(20)
    .refine((roles) => new Set(roles.map(({ region }) => region)).size === roles.length, 'names a region twice'),
})
export type InvitationCreate = z.output<typeof invitationCreateSchema>

export const invitationStatusSchema = z.enum(['pending', 'accepted', 'declined', 'revoked', 'expired'])

export const invitationSchema = z.strictObject({
  id: invitationIdSchema,
  email: z.string(),
  /** In the regions in which the reader is a manager. */
  roles: z.array(invitedRoleSchema),
  status: invitationStatusSchema,
  /** Who gave those roles last, and when. */
  invited_by: userIdSchema,
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  last_sent_at: z.iso.datetime(),
})
export type Invitation = z.infer<typeof invitationSchema>

export const invitationPageSchema = z.strictObject({
  invitations: z.array(invitationSchema),
  next_cursor: z.uuidv7().nullable(),
})
export type InvitationPage = z.infer<typeof invitationPageSchema>

/** Query of `GET /v1/orgs/{org}/invitations`. */
export const invitationPageQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  status: invitationStatusSchema.optional(),
})
export type InvitationPageQuery = z.output<typeof invitationPageQuerySchema>

/** An invitation as the invited person sees it. */
export const ownInvitationSchema = z.strictObject({
  id: invitationIdSchema,
  org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, name: z.string() }),
  roles: z.array(
    z.strictObject({ region: z.strictObject({ code: regionCodeSchema, name: z.string() }), role: roleSchema }),
  ),
  expires_at: z.iso.datetime(),
})
export type OwnInvitation = z.infer<typeof ownInvitationSchema>

export const ownInvitationListSchema = z.strictObject({ invitations: z.array(ownInvitationSchema) })
export type OwnInvitationList = z.infer<typeof ownInvitationListSchema>

export const invitationAcceptedSchema = z.strictObject({ memberships: z.array(ownMembershipSchema) })
export type InvitationAccepted = z.infer<typeof invitationAcceptedSchema>

/** The first line of `POST /v1/orgs/{org}/invitations/import`: comma-separated values (RFC 4180) in UTF-8. */
export const INVITATION_FILE_HEADER = ['email', 'region', 'role'] as const
export const INVITATION_FILE_MAX_BYTES = 10 * 1024 * 1024
export const INVITATION_FILE_MAX_ROWS = 5000

/** What became of a row of the file. */
export const invitationOutcomeSchema = z.enum([
  'invited',
  'already_member',
  'malformed',
  'invalid_email',
  'invalid_role',
  'not_your_region',
  'too_many_invitations',
  'duplicate',
])
export type InvitationOutcome = z.infer<typeof invitationOutcomeSchema>
