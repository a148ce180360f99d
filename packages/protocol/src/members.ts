// The members of an organization, as its managers see them, and a person's own memberships.
import { z } from 'zod'
import { membershipIdSchema, orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from './ids.ts'
import { displayNameSchema } from './orgs.ts'
import { pageQuerySchema } from './paging.ts'
import { permissionSchema, roleSchema } from './roles.ts'

/** Who was removed is no member: the row is kept, and shown to nobody. */
export const membershipStatusSchema = z.enum(['active', 'suspended'])

const membershipFields = {
  id: membershipIdSchema,
  region: regionCodeSchema,
  role: roleSchema,
  status: membershipStatusSchema,
  /** How the person is called in this organization; null where they go by their own name. */
  display_name: z.string().nullable(),
  /** Rises with role and status, and is the `mv` of tokens. */
  version: z.int(),
}

export const memberSchema = z.strictObject({
  ...membershipFields,
  user: z.strictObject({ id: userIdSchema, name: z.string(), email: z.string().nullable() }),
  created_at: z.iso.datetime(),
  changed_at: z.iso.datetime(),
})
export type Member = z.infer<typeof memberSchema>

export const memberPageSchema = z.strictObject({ members: z.array(memberSchema), next_cursor: z.uuidv7().nullable() })
export type MemberPage = z.infer<typeof memberPageSchema>

/** Query of `GET /v1/orgs/{org}/members`. */
export const memberPageQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  region: regionCodeSchema.optional(),
  role: roleSchema.optional(),
  status: membershipStatusSchema.optional(),
  /** Part of a display name, a name or an address, in any case. */
  search: z.string().trim().min(1).max(100).optional(),
})
export type MemberPageQuery = z.output<typeof memberPageQuerySchema>

/** Body of `PATCH /v1/orgs/{org}/members/{membership}`: what is left out stays as it is. */
export const memberChangeSchema = z
  .strictObject({
    role: roleSchema.optional(),
    status: membershipStatusSchema.optional(),
    display_name: displayNameSchema.nullable().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), { error: 'changes nothing' })
export type MemberChange = z.output<typeof memberChangeSchema>

export const ownMembershipSchema = z.strictObject({
  ...membershipFields,
  org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, name: z.string() }),
})
export type OwnMembership = z.infer<typeof ownMembershipSchema>

export const ownMembershipListSchema = z.strictObject({ memberships: z.array(ownMembershipSchema) })
export type OwnMembershipList = z.infer<typeof ownMembershipListSchema>

/** Body of `PATCH /v1/me/memberships/{membership}`. */
export const ownMembershipChangeSchema = z.strictObject({ display_name: displayNameSchema.nullable() })

export const roleCatalogueSchema = z.strictObject({
  roles: z.array(z.strictObject({ role: roleSchema, permissions: z.array(permissionSchema) })),
})
export type RoleCatalogue = z.infer<typeof roleCatalogueSchema>
