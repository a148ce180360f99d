import { moduleKeySchema } from '@meridian/protocol/modules'
import { type Permission, permissionSchema, type Role, roleAllows, roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import { AdmissionRefusal } from './admission-refusal.ts'

/** RFC 6749 §3.3. */
const scopeTokenSchema = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/)

const conditionsSchema = z
  .strictObject({
    permission: permissionSchema.optional(),
    role: z.array(roleSchema).min(1).optional(),
    scope: scopeTokenSchema.optional(),
    module: moduleKeySchema.optional(),
    fresh: z.literal(true).optional(),
  })
  .refine((conditions) => Object.values(conditions).some((value) => value !== undefined), 'names no condition')

const routeGuardSchema = z.union([z.enum(['public', 'authenticated']), conditionsSchema])

/** All of them must hold. */
export interface GuardConditions {
  permission?: Permission
  role?: readonly Role[]
  scope?: string
  /** That the organization has it, licensed and switched on, as the change feed tells. */
  module?: string
  /**
   * Closed while what is known of revocations is older than a minute: for what must not be done on old news. Where the
   * guard names a module, which the change feed alone tells of, closed too while that is older.
   */
  fresh?: true
}

/**
 * Who may call a route. `public`: anybody, on any host. `authenticated`: whoever has a token for this region
 * and this host's organization. Otherwise also what the conditions say.
 */
export type RouteGuard = 'public' | 'authenticated' | GuardConditions

/** Errors: names the route whose guard is missing or is none. */
export function getRouteGuard(declared: unknown, route: string): RouteGuard {
  const guard = routeGuardSchema.safeParse(declared)
  if (!guard.success) throw new Error(`${route} has no valid guard: declare config.guard on the route`)
  return guard.data as RouteGuard
}

/** What the token alone can answer; `module` and `fresh` are the admission's. Errors: AdmissionRefusal. */
export function authorize(
  bearer: { role: Role; scope: readonly string[] },
  guard: Exclude<RouteGuard, 'public'>,
): void {
  if (guard === 'authenticated') return
  if (guard.permission !== undefined && !roleAllows(bearer.role, guard.permission)) {
    throw new AdmissionRefusal('access_denied', `role ${bearer.role} lacks ${guard.permission}`)
  }
  if (guard.role !== undefined && !guard.role.includes(bearer.role)) {
    throw new AdmissionRefusal('access_denied', `role ${bearer.role} is not admitted`)
  }
  if (guard.scope !== undefined && !bearer.scope.includes(guard.scope)) {
    const challenge = `Bearer error="insufficient_scope", scope="${guard.scope}"`
    throw new AdmissionRefusal('access_denied', `scope ${guard.scope} is missing`, {
      headers: { 'www-authenticate': challenge },
    })
  }
}
