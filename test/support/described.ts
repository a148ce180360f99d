// Real traffic held to the OpenAPI description: each call that is made through an app under watch must be an operation
// of the document, and its answer what the document says, down to every field.
import {
  API_METHODS,
  type ApiMethod,
  type ApiOperation,
  type ApiResponse,
  type JsonSchema,
  type OpenApiDocument,
} from '@meridian/protocol/openapi'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

export type Watch = {
  /** `operationId status`, of each answer. */
  readonly seen: ReadonlySet<string>
  readonly codes: ReadonlySet<string>
  /** What was not as described. */
  readonly faults: readonly string[]
}

type Found = { readonly path: string; readonly method: ApiMethod; readonly operation: ApiOperation }

export function schemaCheck(document: OpenApiDocument): (schema: JsonSchema, value: unknown) => string | null {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addFormat('idn-email', /^[^@\s]+@[^@\s]+\.[^@\s.]{2,}$/)
  const compiled = new Map<JsonSchema, ValidateFunction>()
  return (schema, value) => {
    const validate = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components })
    compiled.set(schema, validate)
    return validate(value) ? null : ajv.errorsText(validate.errors)
  }
}

export const operationsOf = (document: OpenApiDocument): readonly (readonly [string, ApiOperation])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    API_METHODS.flatMap((method) => {
      const operation = methods[method]
      return operation === undefined ? [] : [[`${method.toUpperCase()} ${path}`, operation] as const]
    }),
  )

/** The error codes that a schema of an answer names. */
export function codesIn({ allOf = [], anyOf = [], properties = {}, ...schema }: JsonSchema): readonly string[] {
  const own = schema['x-enumDescriptions']
  return [...Object.keys(own ?? {}), ...[...allOf, ...anyOf, ...Object.values(properties)].flatMap(codesIn)]
}

/** From now on, what is injected into the app is held to the document. */
export function watch(app: FastifyInstance, document: OpenApiDocument): Watch {
  const seen = new Set<string>()
  const codes = new Set<string>()
  const faults: string[] = []
  const check = schemaCheck(document)
  const inject = app.inject.bind(app) as (options: InjectOptions) => Promise<LightMyRequestResponse>
  const watched = async (options: InjectOptions) => {
    const reply = await inject(options)
    const found = findOperation(document, options)
    if (found === undefined) return reply
    const { operation } = found
    const title = `${operation.operationId} ${reply.statusCode}`
    seen.add(title)
    for (const code of codesOf(reply)) codes.add(code)
    for (const fault of [
      ...answerFaults(check, operation, reply),
      ...requestFaults(check, operation, options, reply),
    ]) {
      faults.push(`${title}: ${fault}: ${reply.body.slice(0, 300)}`)
    }
    return reply
  }
  Object.assign(app, { inject: watched })
  return { seen, codes, faults }
}

export function findOperation(document: OpenApiDocument, options: InjectOptions): Found | undefined {
  const path = String(options.url).split('?')[0] ?? ''
  const method = (options.method ?? 'GET').toLowerCase() as ApiMethod
  for (const [template, methods] of Object.entries(document.paths)) {
    const pattern = new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{[a-z]+\}/g, '[^/]+')}$`)
    const operation = methods[method]
    if (operation !== undefined && pattern.test(path)) return { path: template, method, operation }
  }
  return undefined
}

type Check = ReturnType<typeof schemaCheck>

function answerFaults(check: Check, operation: ApiOperation, reply: LightMyRequestResponse): string[] {
  const response = operation.responses[String(reply.statusCode)]
  if (response === undefined) return ['no such status is described']
  return [...headerFaults(check, response, reply), ...bodyFaults(check, response, reply)]
}

function headerFaults(check: Check, { headers = {} }: ApiResponse, reply: LightMyRequestResponse): string[] {
  return Object.entries(headers).flatMap(([name, { required, schema }]) => {
    const value = reply.headers[name.toLowerCase()]
    if (value === undefined) return required ? [`no ${name}`] : []
    const fault = check(schema, String(value))
    return fault === null ? [] : [`${name}: ${fault}`]
  })
}

function bodyFaults(check: Check, { content }: ApiResponse, reply: LightMyRequestResponse): string[] {
  if (content === undefined) return reply.body === '' ? [] : ['a body where none is described']
  const mediaType = String(reply.headers['content-type']).split(';')[0] ?? ''
  const media = content[mediaType]
  if (media === undefined) return [`${mediaType} is not described`]
  const fault = check(media.schema, /[/+]json$/.test(mediaType) ? reply.json() : reply.body)
  return fault === null ? [] : [fault]
}

/** What was taken must have been allowed. */
function requestFaults(
  check: Check,
  { requestBody, parameters }: ApiOperation,
  options: InjectOptions,
  reply: LightMyRequestResponse,
): string[] {
  if (reply.statusCode >= 400) return []
  const faults: (string | null)[] = parameters
    .filter((parameter) => parameter.in === 'header')
    .map(({ name, required, schema }) => {
      const value = (options.headers as Record<string, unknown> | undefined)?.[name.toLowerCase()]
      if (value === undefined) return required ? `request without ${name}` : null
      return check(schema, value)
    })
  const [media] = Object.values(requestBody?.content ?? {})
  if (media !== undefined && options.payload !== undefined && media.schema.type !== 'string')
    faults.push(check(media.schema, payloadOf(options.payload)))
  return faults.filter((fault) => fault !== null).map((fault) => `request: ${fault}`)
}

function payloadOf(payload: unknown): unknown {
  return typeof payload === 'string' ? Object.fromEntries(new URLSearchParams(payload)) : payload
}

function codesOf(reply: LightMyRequestResponse): readonly string[] {
  if (reply.statusCode < 400 || !String(reply.headers['content-type']).includes('json')) return []
  const { error, code } = reply.json<{ error?: string; code?: string }>()
  return [error ?? code ?? '']
}
