// An operation as its area writes it down: what the signature of a route would say if it could. document.ts makes
// OpenAPI of it, with everything that follows from the rest left out here.

import type { OAuthErrorCode } from '@meridian/protocol/oauth'
import type { ApiHeader, ApiMethod, ApiParameter, JsonSchema } from '@meridian/protocol/openapi'
import type { ProblemCode } from '@meridian/protocol/problem'
import { z } from 'zod'
import { IDEMPOTENCY_KEY } from '../idempotency-key.ts'

export type Area =
  | 'Signing in'
  | 'Tokens'
  | 'Discovery'
  | 'The signed-in person'
  | 'The own account'
  | 'Organizations'
  | 'Members'
  | 'Invitations'
  | 'Users'
  | 'Clients'
  | 'Support access'
  | 'Audit'
  | 'Regions'
  | 'Region lanes'
  | 'Synchronization'
  | 'Modules'
  | 'Domains'
  | 'Region lanes'

/** Who may call: each entry is one way. */
export type Caller =
  | 'anybody'
  | 'person'
  | 'clientItself'
  | 'client'
  | 'clientOrCookie'
  | 'confidentialClient'
  | 'browser'

export type Body = {
  readonly kind: 'form' | 'json'
  readonly schema: z.ZodType
  /** Left out where the route takes none as well. */
  readonly isOptional?: boolean
  /** By summary: optional fields that an example shows, of one alternative of the schema. */
  readonly examples: readonly {
    readonly summary: string
    readonly fields?: readonly string[]
    readonly of?: z.ZodType
  }[]
}

/** A body that is no object: a picture, a table. */
export type RawBody = { readonly kind: 'raw'; readonly mediaTypes: readonly string[] }

export type Answer = {
  readonly status: number
  readonly description: string
  readonly schema?: z.ZodType
  /** Several, where an answer is one of them as it is. */
  readonly mediaType?: string | readonly string[]
  readonly headers?: Readonly<Record<string, ApiHeader>>
  /** What a redirect carries in its query, or the page in its form. */
  readonly parameters?: z.ZodType
}

/** How its errors are told: problem details, RFC 6749 §5.2, or a page for a person. */
export type Errors =
  | { readonly kind: 'problem'; readonly codes: readonly (ProblemCode | readonly [ProblemCode, number])[] }
  | { readonly kind: 'oauth'; readonly codes: readonly OAuthErrorCode[] }
  | { readonly kind: 'page'; readonly statuses: readonly number[] }

export type Operation = {
  readonly id: string
  readonly area: Area
  readonly method: ApiMethod
  /** With `{name}` for what varies. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly caller: Caller
  readonly isRateLimited?: boolean
  /** An object whose fields are the query. */
  readonly query?: z.ZodObject
  readonly parameters?: readonly ApiParameter[]
  readonly body?: Body | RawBody
  readonly answers: readonly Answer[]
  readonly errors: Errors
}

/** The JSON Schema of what stands in a path or a query. */
export function inlineSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest as JsonSchema
}

export function pathParameter(name: string, schema: z.ZodType, description: string): ApiParameter {
  return { name, in: 'path', required: true, description, schema: inlineSchema(schema) }
}

export const ORG_NAME = pathParameter('org', z.string(), 'Id or slug of the organization.')

const idempotencyKey = (required: boolean, description: string): ApiParameter => ({
  name: 'Idempotency-Key',
  in: 'header',
  required,
  description,
  schema: { type: 'string', pattern: IDEMPOTENCY_KEY.source, examples: ['mC9tX2vT0pZ1qK7yB4nR8w'] },
})

export const IDEMPOTENCY_KEY_FOR_RETRY = idempotencyKey(
  false,
  'At least 128 random bits. A repeat with the same key and body within 24 hours is answered as the first call was, and nothing is done twice.',
)

export const IDEMPOTENCY_KEY_FOR_CODE = idempotencyKey(
  false,
  'At least 128 random bits. A repeat with the same key is answered again where the answer to the first one was lost.',
)

export const IDEMPOTENCY_KEY_FOR_TOKENS = idempotencyKey(
  false,
  'At least 128 random bits, new for each refresh and kept until its answer was read: the repeat of a refresh with its key gets the same tokens, whenever it comes. Clients with cookie transport must send it.',
)

export const MERIDIAN_REQUEST: ApiParameter = {
  name: 'X-Meridian-Request',
  in: 'header',
  required: false,
  description:
    'Clients with cookie transport must send it, together with Idempotency-Key and an Origin of theirs: no form of another site can.',
  schema: { type: 'string', const: '1' },
}

export function ifMatch(required: boolean): ApiParameter {
  return {
    name: 'If-Match',
    in: 'header',
    required,
    description: required
      ? 'The ETag that was read, or `*`. Somebody else may have written since: then nothing is changed.'
      : 'The ETag that was read. Left out, whatever stands there is meant.',
    schema: { type: 'string', examples: ['"3"'] },
  }
}

const text = (description: string, pattern?: string): ApiHeader => ({
  description,
  required: true,
  schema: { type: 'string', ...(pattern === undefined ? {} : { pattern }) },
})

export const ETAG = text('The version, for If-Match.', '^"[0-9]+"$')
export const DOCUMENT_ETAG = text('Of the document as it is, for If-None-Match.', '^".+"$')
export const CACHE_CONTROL = text('Whoever fetches it may keep it so long.', '^public, max-age=[0-9]+')
export const CREATED_AT = text('The path of what was made.', '^/v1/')
export const ATTACHMENT = text('It is to be kept as a file.', '^attachment; ')
export const WWW_AUTHENTICATE = text('How to authenticate, and what was wrong (RFC 6750 §3).')
export const RETRY_AFTER = text('Seconds to wait.', '^[0-9]+$')
export const redirectTo = (description: string): ApiHeader => text(description)
