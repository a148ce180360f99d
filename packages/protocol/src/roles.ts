// The role catalogue: what each role may do, the same table in the centre and in every region.
// Roles are held per organization and region; a permission is never inherited across either.
import { z } from 'zod'

export const roleSchema = z.enum(['manager', 'member', 'viewer'])
export type Role = z.infer<typeof roleSchema>

export const permissionSchema = z.enum([
  'records:read',
  'records:write',
  'members:read',
  'members:write',
  'organization:read',
  'organization:write',
  'entitlements:write',
  'domains:write',
  'support:write',
  'audit:read',
])
export type Permission = z.infer<typeof permissionSchema>

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  manager: permissionSchema.options,
  member: ['records:read', 'records:write', 'organization:read'],
  viewer: ['records:read', 'organization:read'],
}

export function permissionsOf(role: Role): readonly Permission[] {
  return PERMISSIONS[role]
}

/** The one permission check, for the centre and for the regions. */
export function roleAllows(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission)
}
