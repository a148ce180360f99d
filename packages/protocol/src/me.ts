// The signed-in person's own view: who they are and where they may act.
import { z } from 'zod'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, sessionIdSchema, userIdSchema } from './ids.ts'
import { regionHealthSchema } from './region-report.ts'
import { permissionSchema, roleSchema } from './roles.ts'

export const platformRoleSchema = z.enum(['sys_admin'])

export const meSchema = z.strictObject({
  user: z.strictObject({
    id: userIdSchema,
    email: z.string().nullable(),
    name: z.string(),
    platform_role: platformRoleSchema.nullable(),
    /** Also the ETag, for If-Match. */
    version: z.int(),
  }),
  session: z.strictObject({ id: sessionIdSchema, auth_time: z.int(), amr: z.array(z.string()) }),
})
export type Me = z.infer<typeof meSchema>

export const contextSchema = z.strictObject({
  org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, name: z.string() }),
  region: z.strictObject({
    code: regionCodeSchema,
    name: z.string(),
    /** The `resource` to ask a token for, and the token's `aud`. */
    audience: z.string(),
    api_url: z.string(),
    /** How it is just now; one that is `unreachable` cannot be switched to. */
    status: regionHealthSchema,
  }),
  role: roleSchema,
  permissions: z.array(permissionSchema),
  current: z.boolean(),
})
export type Context = z.infer<typeof contextSchema>

export const contextListSchema = z.strictObject({
  contexts: z.array(contextSchema),
  /** Whether a switcher is worth showing. */
  can_switch: z.boolean(),
})
export type ContextList = z.infer<typeof contextListSchema>

/** Query of `GET /v1/me/contexts`: the context that the caller acts in, to have it marked. `org_id`: an id or a slug. */
export const contextListQuerySchema = z
  .strictObject({ resource: z.string().max(300).optional(), org_id: z.string().max(100).optional() })
  .refine((query) => (query.resource === undefined) === (query.org_id === undefined), {
    error: 'resource and org_id go together',
  })

/** Body of `PUT /v1/me/context`: the switcher's click, remembered for this client. */
export const contextChoiceSchema = z.strictObject({ org_id: orgIdSchema, region: regionCodeSchema })

/** A region's `GET /v1/me/context`: what the presented token lets its bearer do here. */
export const regionContextSchema = z.strictObject({
  user_id: userIdSchema,
  org_id: orgIdSchema,
  region: regionCodeSchema,
  role: roleSchema,
  permissions: z.array(permissionSchema),
  /** Whether this is support access from outside; `user_id` is then the support grant's id. */
  support: z.boolean(),
})
