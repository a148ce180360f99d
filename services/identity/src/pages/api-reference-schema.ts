// A JSON schema as people read it: a table of fields, with what a field holds below it to be opened.
import type { ApiHeader, ApiParameter, JsonSchema } from '@meridian/protocol/openapi'
import { rich } from './api-reference-text.ts'
import { type Html, html } from './html.ts'

export type Schemas = Readonly<Record<string, JsonSchema>>

const PREFIX = '#/components/schemas/'

export function resolved(schema: JsonSchema, schemas: Schemas): JsonSchema {
  return schema.$ref === undefined ? schema : (schemas[schema.$ref.slice(PREFIX.length)] ?? {})
}

function nameOf({ $ref }: JsonSchema): string | null {
  return $ref === undefined ? null : $ref.slice(PREFIX.length)
}

/** What stands below a field or a media type: a table, or one for each alternative; null for a plain value. */
export function structureOf(schema: JsonSchema, schemas: Schemas): Html | null {
  const whole = resolved(schema, schemas)
  const alternatives = alternativesOf(whole).filter((one) => resolved(one, schemas).type !== 'null')
  if (alternatives.length === 1) return structureOf(alternatives[0] ?? {}, schemas)
  if (alternatives.length > 1) {
    const structures = alternatives.map((one) => ({ one, structure: structureOf(one, schemas) }))
    if (structures.every(({ structure }) => structure === null)) return null
    return html`${structures.map(({ one, structure }) => (structure ? expandable(titleOf(one, schemas), structure) : null))}`
  }
  if (whole.items !== undefined) return structureOf(whole.items, schemas)
  const fields = Object.entries(whole.properties ?? {})
  if (fields.length === 0) return null
  return table(
    ['Field', 'Meaning'],
    fields.map(([name, field]) => row(name, field, (whole.required ?? []).includes(name), schemas)),
  )
}

export function parameterTable(parameters: readonly ApiParameter[], schemas: Schemas): Html {
  return table(
    ['Parameter', 'Meaning'],
    parameters.map(({ name, required, description, schema }) =>
      row(name, { description, ...schema }, required, schemas),
    ),
  )
}

export function headerTable(headers: Readonly<Record<string, ApiHeader>>, schemas: Schemas): Html {
  return table(
    ['Header', 'Meaning'],
    Object.entries(headers).map(([name, { description, required, schema }]) =>
      row(name, { description, ...schema }, required, schemas),
    ),
  )
}

function table(columns: readonly string[], rows: readonly Html[]): Html {
  return html`<table><thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`
}

function row(name: string, field: JsonSchema, required: boolean, schemas: Schemas): Html {
  const structure = structureOf(field, schemas)
  const inside = structure ? expandable(`What ${name} holds`, structure) : null
  const limits = limitsOf(field, schemas)
  return html`<tr><th scope="row"><code>${name}</code><span class="type">${typeOf(field, schemas)}</span>${required ? html`<span class="required">required</span>` : null}</th>
<td>${field.description === undefined ? null : rich(field.description)}${limits.length === 0 ? null : html`<span class="limits">${limits}</span>`}</td></tr>
${inside ? html`<tr class="inside"><td colspan="2">${inside}</td></tr>` : null}`
}

export function expandable(title: string, content: Html): Html {
  return html`<details><summary>${title}</summary>${content}</details>`
}

function alternativesOf({ oneOf, anyOf }: JsonSchema): readonly JsonSchema[] {
  return oneOf ?? anyOf ?? []
}

/** An alternative by its name, else by what tells it apart. */
function titleOf(schema: JsonSchema, schemas: Schemas): string {
  const name = nameOf(schema)
  if (name !== null) return spoken(name)
  const whole = resolved(schema, schemas)
  const constant = Object.entries(whole.properties ?? {}).find(([, field]) => field.const !== undefined)
  if (constant !== undefined) return `With ${constant[0]}: ${String(constant[1].const)}`
  return `With ${(whole.required ?? []).slice(0, 2).join(', ')}`
}

/** `AuthorizationCodeGrant` as words. */
export function spoken(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function typeOf(field: JsonSchema, schemas: Schemas): string {
  const schema = resolved(field, schemas)
  const alternatives = alternativesOf(schema)
  if (alternatives.length > 0) return [...new Set(alternatives.map((one) => typeOf(one, schemas)))].join(' or ')
  if (schema.items !== undefined) return `list of ${typeOf(schema.items, schemas)}s`
  const { format = '', type = 'any' } = field.format === undefined ? schema : { ...schema, ...field }
  return FORMATS[format] ?? type
}

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': 'date and time',
  'idn-email': 'e-mail address',
  password: 'secret string',
  uri: 'URI',
  uuid: 'id',
}

function limitsOf(field: JsonSchema, schemas: Schemas): readonly Html[] {
  const whole: JsonSchema = { ...resolved(field, schemas), ...field }
  const { const: constant, default: usual, pattern, items } = whole
  const values = items === undefined ? whole.enum : resolved(items, schemas).enum
  const length = rangeOf(whole['minLength'], whole['maxLength'])
  const size = rangeOf(whole['minItems'], whole['maxItems'])
  const range = rangeOf(whole['minimum'], whole['maximum'])
  return [
    constant === undefined ? null : html`Always <code>${String(constant)}</code>. `,
    values === undefined
      ? null
      : html`One of ${values.map((value, index) => html`${index > 0 ? ', ' : ''}<code>${String(value)}</code>`)}. `,
    length === null ? null : html`${length} characters. `,
    size === null ? null : html`${size} of them. `,
    range === null ? null : html`${range}. `,
    usual === undefined ? null : html`If left out: <code>${JSON.stringify(usual)}</code>. `,
    pattern === undefined || whole.format !== undefined ? null : html`Pattern <code>${pattern}</code>. `,
  ].filter((limit) => limit !== null)
}

function rangeOf(least: unknown, most: unknown): string | null {
  if (typeof least !== 'number' && typeof most !== 'number') return null
  if (typeof most !== 'number') return `At least ${String(least)}`
  return typeof least === 'number' && least > 0 ? `${least} to ${most}` : `At most ${most}`
}

const SCHEME_NAMES: Readonly<Record<string, string>> = {
  clientSecretBasic: 'client_secret_basic',
  clientSecretPost: 'client_secret_post',
  privateKeyJwt: 'private_key_jwt',
}

/** A security scheme as its RFC writes it, else as words. */
export function schemeName(id: string): string {
  return SCHEME_NAMES[id] ?? spoken(id)
}
