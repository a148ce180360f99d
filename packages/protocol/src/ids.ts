// Identifiers as they cross a wire. Ids are UUIDv7 (RFC 9562 §5.7), made by us, never reused;
// a value becomes an id only by being parsed here.
import { z } from 'zod'

const uuidv7 = z.uuidv7()

export const userIdSchema = uuidv7.brand<'UserId'>()
export const orgIdSchema = uuidv7.brand<'OrgId'>()
export const membershipIdSchema = uuidv7.brand<'MembershipId'>()
export const sessionIdSchema = uuidv7.brand<'SessionId'>()
export const invitationIdSchema = uuidv7.brand<'InvitationId'>()
export const jobIdSchema = uuidv7.brand<'JobId'>()
export const supportGrantIdSchema = uuidv7.brand<'SupportGrantId'>()
export const recordIdSchema = uuidv7.brand<'RecordId'>()

export type UserId = z.infer<typeof userIdSchema>
export type OrgId = z.infer<typeof orgIdSchema>
export type MembershipId = z.infer<typeof membershipIdSchema>
export type SessionId = z.infer<typeof sessionIdSchema>
export type RecordId = z.infer<typeof recordIdSchema>

/** A region's short name, as in its hosts (`acme.in.example.com`). */
export const regionCodeSchema = z
  .string()
  .regex(/^[a-z]{2,12}(-[a-z0-9]{1,12})?$/)
  .brand<'RegionCode'>()
export type RegionCode = z.infer<typeof regionCodeSchema>

const RESERVED_SLUGS = new Set([
  'admin',
  'api',
  'app',
  'auth',
  'console',
  'demo',
  'id',
  'login',
  'mail',
  'meridian',
  'oauth',
  'sso',
  'static',
  'status',
  'support',
  'well-known',
  'www',
])

/** An organization's name in hosts: one DNS label (RFC 1035 §2.3.1), lower case, not a reserved word. */
export const orgSlugSchema = z
  .string()
  .min(2)
  .max(40)
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .refine((slug) => !RESERVED_SLUGS.has(slug), 'is a reserved word')
  .brand<'OrgSlug'>()

/** Where paths of the services begin. Organizations that were called so before keep their names. */
const OWN_PATHS = new Set([
  'api-reference',
  'assets',
  'email-change',
  'healthz',
  'invitations',
  'metrics',
  'readyz',
  'sign-in',
  'v1',
])

/** What an organization may be called from now on; what begins with `purged-` is the name of one that is no more. */
export const newOrgSlugSchema = orgSlugSchema.refine(
  (slug) => !OWN_PATHS.has(slug) && !slug.startsWith('purged-'),
  'is a reserved word',
)
