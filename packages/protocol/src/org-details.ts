// An organization as it is read and changed: `/v1/orgs`, `/v1/orgs/{org}` and what is below it. What a caller may not see
// is left out, not null.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { newOrgSlugSchema, orgIdSchema, regionCodeSchema, userIdSchema } from './ids.ts'
import { orgSettingsSchema } from './org-settings.ts'
import { displayNameSchema, orgStatusSchema, primaryContactSchema, subscriptionTierSchema } from './orgs.ts'
import { nextCursorSchema, pageQuerySchema } from './paging.ts'
import { permissionSchema, roleSchema } from './roles.ts'

/** How the caller stands in one of the organization's regions. */
const standingSchema = z.strictObject({
  region: regionCodeSchema,
  /** Their own, with its permissions; null where they have none there. */
  role: roleSchema.nullable(),
  permissions: z.array(permissionSchema),
  /** Whether they act on memberships and invitations there: as its manager, or because it has none. */
  manages: z.boolean(),
})

const countSchema = z.int().min(0)

/** What sys-admins see. */
const administrationSchema = z.strictObject({
  subscription_tier: subscriptionTierSchema,
  data_placement: z.string().nullable(),
  withdrawn_regions: z.array(regionCodeSchema),
  created_at: z.iso.datetime(),
  deleted_at: z.iso.datetime().nullable(),
  delete_after: z.iso.datetime().nullable(),
  purged_at: z.iso.datetime().nullable(),
  /** As they were counted last; null where they never were. Somebody who is in two regions counts twice. */
  counts: z
    .strictObject({
      managers: countSchema,
      members: countSchema,
      viewers: countSchema,
      suspended: countSchema,
      pending_invitations: countSchema,
    })
    .nullable(),
})

export const orgDetailsSchema = z.strictObject({
  id: orgIdSchema,
  slug: z.string(),
  name: z.string(),
  status: orgStatusSchema,
  regions: z.array(regionCodeSchema),
  home_region: regionCodeSchema.nullable(),
  settings: orgSettingsSchema,
  version: z.int(),
  /** For those who may change it, and for sys-admins. */
  primary_contact: z.strictObject({ name: z.string(), email: z.string() }).optional(),
  /** For its people. */
  standing: z.array(standingSchema).optional(),
  /** For sys-admins. */
  administration: administrationSchema.optional(),
})
export type OrgDetails = z.infer<typeof orgDetailsSchema>

/** `search`: what a name or a slug begins with. */
export const orgPageQuerySchema = pageQuerySchema.extend({
  search: displayNameSchema.optional(),
  status: orgStatusSchema.optional(),
})
export type OrgPageQuery = z.infer<typeof orgPageQuerySchema>

export const orgPageSchema = z.strictObject({ orgs: z.array(orgDetailsSchema), next_cursor: nextCursorSchema })
export type OrgPage = z.infer<typeof orgPageSchema>

/** What is left out stays as it is; so does each of the settings. A setting that is null is as good as none. */
export const orgPatchSchema = z
  .strictObject({
    name: displayNameSchema.optional(),
    primary_contact: primaryContactSchema.optional(),
    settings: orgSettingsSchema.optional(),
    subscription_tier: subscriptionTierSchema.optional(),
    /** A name by which the operator's tools know where its data is to be; null for the common place. */
    data_placement: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,59}$/)
      .nullable()
      .optional(),
    home_region: regionCodeSchema.optional(),
  })
  .refine((patch) => Object.values(patch).some((value) => value !== undefined), 'changes nothing')
export type OrgPatch = z.infer<typeof orgPatchSchema>

export const slugChangeSchema = z.strictObject({ slug: newOrgSlugSchema })

export const orgStatusChangeSchema = z.strictObject({ status: orgStatusSchema.exclude(['deleted']) })
export type OpenableStatus = z.infer<typeof orgStatusChangeSchema>['status']

export const firstManagerSchema = z.strictObject({ name: displayNameSchema, email: emailAddressSchema })
export type FirstManager = z.infer<typeof firstManagerSchema>

/** What sys-admins learn of the person: their id. */
export const firstManagerAddedSchema = z.strictObject({
  first_manager: z.strictObject({ id: userIdSchema }),
  regions: z.array(regionCodeSchema),
})
export type FirstManagerAdded = z.infer<typeof firstManagerAddedSchema>
