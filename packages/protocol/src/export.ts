// Everything that is held about a person, handed to that person (GDPR, articles 15 and 20): `POST /v1/me/export`. No
// secret, no hash, and nothing about anybody else.
import { z } from 'zod'
import {
  invitationIdSchema,
  jobIdSchema,
  membershipIdSchema,
  orgIdSchema,
  orgSlugSchema,
  regionCodeSchema,
  sessionIdSchema,
  supportGrantIdSchema,
  userIdSchema,
} from './ids.ts'
import { platformRoleSchema } from './me.ts'
import { roleSchema } from './roles.ts'

const instant = z.iso.datetime()
const org = z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, name: z.string() })
const device = z.strictObject({ user_agent: z.string(), ip: z.string() })

export const personExportSchema = z.strictObject({
  exported_at: instant,
  account: z.strictObject({
    id: userIdSchema,
    email: z.string().nullable(),
    email_verified_at: instant.nullable(),
    phone: z.string().nullable(),
    name: z.string(),
    status: z.string(),
    platform_role: platformRoleSchema.nullable(),
    created_at: instant,
    version: z.int(),
  }),
  memberships: z.array(
    z.strictObject({
      id: membershipIdSchema,
      org,
      region: regionCodeSchema,
      role: roleSchema,
      status: z.string(),
      display_name: z.string().nullable(),
      created_at: instant,
      changed_at: instant,
    }),
  ),
  /** Where more may be held: what they have done in an organization is with the regions that it is in. */
  regions: z.array(z.strictObject({ code: regionCodeSchema, name: z.string(), api_url: z.string() })),
  sessions: z.array(
    z.strictObject({
      id: sessionIdSchema,
      client_id: z.string(),
      device,
      created_at: instant,
      auth_time: instant,
      ended_at: instant.nullable(),
      ended_reason: z.string().nullable(),
      contexts: z.array(z.strictObject({ org_id: orgIdSchema, region: regionCodeSchema, first_used_at: instant })),
    }),
  ),
  /** Sign-ins at this service's own pages, one a browser. */
  sign_ons: z.array(
    z.strictObject({
      id: z.uuidv7(),
      device,
      created_at: instant,
      last_used_at: instant,
      ended_at: instant.nullable(),
      ended_reason: z.string().nullable(),
    }),
  ),
  /** The organization and region that each client remembers for them. */
  remembered_contexts: z.array(
    z.strictObject({ client_id: z.string(), org_id: orgIdSchema, region: regionCodeSchema, used_at: instant }),
  ),
  /** Browsers that have signed in with their address: how many, and when one of them last did. */
  known_devices: z.strictObject({ count: z.int(), last_used_at: instant.nullable() }),
  email_changes: z.array(
    z.strictObject({
      id: z.uuidv7(),
      old_email: z.string(),
      new_email: z.string(),
      created_at: instant,
      committed_at: instant.nullable(),
      stopped_at: instant.nullable(),
    }),
  ),
  /** To their address, or accepted by them. */
  invitations: z.array(
    z.strictObject({
      id: invitationIdSchema,
      org,
      email: z.string(),
      status: z.string(),
      created_at: instant,
      expires_at: instant,
      settled_at: instant.nullable(),
      roles: z.array(z.strictObject({ region: regionCodeSchema, role: roleSchema })),
    }),
  ),
  /** Mails to their address; what they said is not kept. */
  mails: z.array(z.strictObject({ kind: z.string(), status: z.string(), created_at: instant })),
  /** Support access that they asked for, granted, declined or ended. */
  support_grants: z.array(
    z.strictObject({
      id: supportGrantIdSchema,
      org_id: orgIdSchema,
      region: regionCodeSchema,
      part: z.enum(['requested', 'decided', 'ended']),
      status: z.string(),
      requested_at: instant,
      decided_at: instant.nullable(),
      ended_at: instant.nullable(),
    }),
  ),
  /** Work in the background that they started. */
  jobs: z.array(
    z.strictObject({
      id: jobIdSchema,
      kind: z.string(),
      org_id: orgIdSchema.nullable(),
      status: z.string(),
      created_at: instant,
      finished_at: instant.nullable(),
    }),
  ),
  /** Organizations that name their address as the one to write to. */
  contact_of: z.array(org),
  /** What they did, newest first. `ip`: where from, as long as it is kept. */
  events: z.array(
    z.strictObject({
      id: z.uuidv7(),
      at: instant,
      kind: z.string(),
      outcome: z.string(),
      client_id: z.string().nullable(),
      session_id: sessionIdSchema.nullable(),
      org_id: orgIdSchema.nullable(),
      region: z.string().nullable(),
      ip: z.string().nullable(),
    }),
  ),
})
export type PersonExport = z.infer<typeof personExportSchema>
export type ExportedEvent = PersonExport['events'][number]
