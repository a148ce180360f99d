// What an import takes: one record an organization, a person or a membership, and where it stood, so that whatever is
// refused can be found. The roles of other systems become ours by a table; a role that is not in it is refused.
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { newOrgSlugSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { displayNameSchema, subscriptionTierSchema } from '@meridian/protocol/orgs'
import { type Role, roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'

const organizationSchema = z.strictObject({
  kind: z.literal('organization'),
  slug: newOrgSlugSchema,
  name: displayNameSchema,
  primary_contact: z.strictObject({ name: displayNameSchema, email: emailAddressSchema }),
  subscription_tier: subscriptionTierSchema.default('standard'),
  regions: z.array(regionCodeSchema).min(1).max(20),
})

const personSchema = z.strictObject({ kind: z.literal('person'), email: emailAddressSchema, name: displayNameSchema })

const membershipSchema = z.strictObject({
  kind: z.literal('membership'),
  email: emailAddressSchema,
  org: orgSlugSchema,
  region: regionCodeSchema,
  /** As the file has it. */
  role: z.string().max(120).optional(),
})

const recordSchema = z.discriminatedUnion('kind', [organizationSchema, personSchema, membershipSchema])

export type ImportRecord = z.infer<typeof recordSchema>
export type RecordKind = ImportRecord['kind']
export type RecordOf<K extends RecordKind> = Extract<ImportRecord, { kind: K }>

/** In the order in which they need each other. */
export const RECORD_KINDS = ['organization', 'person', 'membership'] as const satisfies readonly RecordKind[]

/** What other systems call them. A table of the operator's own is laid over it. */
const ROLES: Readonly<Record<string, Role>> = {
  manager: 'manager',
  member: 'member',
  viewer: 'viewer',
  owner: 'manager',
  admin: 'manager',
}

export const roleTableSchema = z.strictObject({
  map: z.record(z.string().trim().toLowerCase().min(1).max(120), roleSchema).default({}),
  /** For a membership that names none. */
  fallback: roleSchema.optional(),
})
export type RoleTable = z.infer<typeof roleTableSchema>

/** The role that is meant; undefined where nobody said. */
export function roleOf(written: string | undefined, { map, fallback }: RoleTable): Role | undefined {
  const name = written?.trim().toLowerCase() ?? ''
  if (name === '') return fallback
  const table: Readonly<Record<string, Role>> = { ...ROLES, ...map }
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** A record as it was read, and where: a file and its line, say. */
export type ImportLine = { readonly where: string; readonly record: unknown }
export type Located<R> = { readonly where: string; readonly record: R }

export type IssueCode =
  | 'malformed'
  | 'unknown_role'
  | 'unknown_region'
  | 'unknown_org'
  | 'unknown_person'
  | 'org_closed'
  | 'slug_kept'
  | 'email_held'
  | 'account_locked'
  | 'sys_admin'
  | 'role_differs'
  | 'was_removed'

/** Why a line was left out, and what to do about it. Names no person. */
export type ImportIssue = { readonly where: string; readonly code: IssueCode; readonly hint: string }

const HINTS: Readonly<Record<Exclude<IssueCode, 'malformed'>, string>> = {
  unknown_role: 'say what this role is: --map NAME=ROLE, or --default-role ROLE where there is none',
  unknown_region: 'no such active region, or the organization is not in it: add the region to the organization first',
  unknown_org: 'no organization has this slug: import the organizations first',
  unknown_person: 'nobody has this address: import the people first',
  org_closed: 'the organization was deleted: restore it first',
  slug_kept: 'another organization had this slug lately, and may have it back: choose another',
  email_held: 'whoever had this address lately may still have it back: import it again later',
  account_locked: 'the account is locked: unlock it first',
  sys_admin: 'this person is a sys-admin, and can be member of no organization: use another address',
  role_differs: 'has another role there already: a manager of the organization can change it',
  was_removed: 'was removed from there since: a manager of the organization can invite them again',
}

export function issueOf(where: string, code: keyof typeof HINTS): ImportIssue {
  return { where, code, hint: HINTS[code] }
}

/** The record, or why it is none. */
export function parseRecord({ where, record }: ImportLine): Located<ImportRecord> | ImportIssue {
  const parsed = recordSchema.safeParse(record)
  if (parsed.success) return { where, record: parsed.data }
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the line'}: ${message}`)
  return { where, code: 'malformed', hint: wrong.join('; ') }
}
