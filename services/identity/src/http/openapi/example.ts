import type { JsonSchema } from '@meridian/protocol/openapi'
import type { Components } from './schemas.ts'

/** Fields that are shown although they may be left out; `all` for an answer. */
export type Shown = 'all' | readonly string[]

/** A value of the schema, out of its examples. Throws where there is none to make one of. */
export function exampleOf(schema: JsonSchema, components: Components, shown: Shown): unknown {
  const [example] = schema.examples ?? []
  if (example !== undefined) return example
  if (schema.const !== undefined) return schema.const
  if (schema.default !== undefined) return schema.default
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.$ref !== undefined) return exampleOf(resolve(schema.$ref, components), components, shown)
  const [alternative] = (schema.oneOf ?? schema.anyOf ?? []).slice(schema.oneOf === undefined ? 0 : -1)
  if (alternative !== undefined) return exampleOf(alternative, components, shown)
  if (schema.properties !== undefined) return objectOf(schema, components, shown)
  if (schema.items !== undefined) return [exampleOf(schema.items, components, shown)]
  return scalarOf(schema)
}

function objectOf(schema: JsonSchema, components: Components, shown: Shown): Record<string, unknown> {
  const fields = Object.entries(schema.properties ?? {}).filter(
    ([name]) => shown === 'all' || shown.includes(name) || (schema.required ?? []).includes(name),
  )
  return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(field, components, shown)]))
}

function scalarOf({ type, format }: JsonSchema): unknown {
  if (type === 'boolean') return true
  if (type === 'integer' || type === 'number') return 1
  if (format === 'uri') return 'https://id.example.com/'
  return 'text'
}

export function resolve(ref: string, components: Components): JsonSchema {
  const schema = components[ref.replace('#/components/schemas/', '')]
  if (schema === undefined) throw new Error(`${ref} is nowhere`)
  return schema
}
