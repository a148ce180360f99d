import type { JsonSchema } from '@meridian/protocol/openapi'
import type { Field } from './field.ts'
import { findField } from './fields.ts'

/** The schema with what its fields mean (fields.ts) written into it. `path` begins with the component's name. */
export function annotate(schema: JsonSchema, path: readonly [string, ...string[]]): JsonSchema {
  const field = findField(path)
  const { properties, items, oneOf, anyOf, ...rest } = schema
  const inside = (one: JsonSchema): JsonSchema => annotateInside(one, path)
  return {
    ...rest,
    ...(field === undefined ? {} : annotationOf(field, path.at(-1) ?? '')),
    ...(properties === undefined ? {} : { properties: annotateAll(properties, path) }),
    ...(items === undefined ? {} : { items: inside(items) }),
    ...(oneOf === undefined ? {} : { oneOf: oneOf.map(inside) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(inside) }),
  }
}

/** An item or an alternative is the same field: what it means is said once, around it. */
function annotateInside(schema: JsonSchema, path: readonly [string, ...string[]]): JsonSchema {
  const { properties } = schema
  return properties === undefined ? schema : { ...schema, properties: annotateAll(properties, path) }
}

function annotateAll(properties: Readonly<Record<string, JsonSchema>>, path: readonly [string, ...string[]]) {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, annotate(property, [...path, name])]),
  )
}

function annotationOf(field: Field, name: string): JsonSchema {
  const example = field.isSecret === true ? `<${name}>` : field.example
  return {
    description: field.text,
    ...(field.isSecret === true ? { format: 'password' } : {}),
    ...(field.pattern === undefined ? {} : { pattern: field.pattern }),
    ...(example === undefined ? {} : { examples: [example] }),
  }
}
