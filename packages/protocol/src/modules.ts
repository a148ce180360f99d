// The modules that organizations can have: `GET /v1/modules`, from the operator's configuration.
import { z } from 'zod'
import { displayNameSchema } from './orgs.ts'

export const moduleKeySchema = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .max(40)

export const moduleSchema = z.strictObject({
  key: moduleKeySchema,
  name: displayNameSchema,
  /** A standalone module stands by itself; an enhancement only beside the standalone modules that it requires. */
  kind: z.enum(['standalone', 'enhancement']),
  requires: z.array(moduleKeySchema).max(20).default([]),
})
export type Module = z.infer<typeof moduleSchema>

/** The modules of the configuration. An enhancement requires standalone modules alone, so none waits for another. */
export const configuredModulesSchema = z
  .array(moduleSchema)
  .max(200)
  .refine((modules) => new Set(modules.map(({ key }) => key)).size === modules.length, 'names a module twice')
  .refine(
    (modules) => modules.every(({ kind, requires }) => (kind === 'enhancement') === requires.length > 0),
    'an enhancement requires standalone modules, and a standalone module requires none',
  )
  .refine(
    (modules) => modules.every(({ requires }) => new Set(requires).size === requires.length),
    'requires a module twice',
  )
  .refine((modules) => {
    const standalone = new Set(modules.filter(({ kind }) => kind === 'standalone').map(({ key }) => key))
    return modules.every(({ requires }) => requires.every((key) => standalone.has(key)))
  }, 'requires what is no standalone module here')

export const moduleListSchema = z.strictObject({ modules: z.array(moduleSchema) })
export type ModuleList = z.infer<typeof moduleListSchema>
