// What an operation answers, by status: its answers, its errors, and the errors that follow from what it takes.
import type { OAuthErrorCode } from '@meridian/protocol/oauth'
import type { ApiHeader, ApiResponse, JsonSchema, MediaTypes } from '@meridian/protocol/openapi'
import { PROBLEM_MEDIA_TYPE, type ProblemCode } from '@meridian/protocol/problem'
import { describeOAuthError } from '@meridian/service-kit/oauth-error'
import { describeProblem } from '@meridian/service-kit/problem'
import { exampleOf } from './example.ts'
import { type Answer, type Operation, RETRY_AFTER, WWW_AUTHENTICATE } from './operation.ts'
import { type Components, componentRef, refTo } from './schemas.ts'

type ErrorOf = { readonly status: number; readonly code: string; readonly meaning: string }

export function responsesOf(operation: Operation, components: Components): Readonly<Record<string, ApiResponse>> {
  const responses = new Map(operation.answers.map((answer) => [answer.status, answerOf(answer, components)]))
  for (const [status, failed] of Map.groupBy(errorsOf(operation), (error) => error.status)) {
    responses.set(status, withError(responses.get(status), errorResponse(operation, status, failed)))
  }
  return Object.fromEntries([...responses].sort(([left], [right]) => left - right).map(([key, value]) => [key, value]))
}

function answerOf(answer: Answer, components: Components): ApiResponse {
  const { description, headers, parameters } = answer
  return {
    description,
    ...(headers === undefined ? {} : { headers }),
    ...contentOf(answer, components),
    ...(parameters === undefined ? {} : { 'x-parameters': refTo(parameters) }),
  }
}

function contentOf({ schema, mediaType }: Answer, components: Components): { content?: MediaTypes } {
  if (schema !== undefined && typeof mediaType !== 'object') {
    const ref = refTo(schema)
    const examples = { answer: { summary: 'Answer', value: exampleOf(ref, components, 'all') } }
    return { content: { [mediaType ?? 'application/json']: { schema: ref, examples } } }
  }
  if (mediaType === undefined) return {}
  const content = [mediaType].flat().map((type) => {
    const kind = type === 'application/json' ? 'object' : 'string'
    return [type, { schema: { type: kind } }]
  })
  return { content: Object.fromEntries(content) }
}

function errorsOf(operation: Operation): readonly ErrorOf[] {
  const { errors } = operation
  if (errors.kind === 'page') return errors.statuses.map((status) => ({ status, code: '', meaning: '' }))
  const found = errors.kind === 'oauth' ? oauthErrorsOf(operation, errors.codes) : problemsOf(operation, errors.codes)
  const unique = new Map(found.map((error) => [`${error.status} ${error.code}`, error]))
  return [...unique.values()].sort((left, right) => (left.code < right.code ? -1 : 1))
}

function problemsOf(
  operation: Operation,
  codes: readonly (ProblemCode | readonly [ProblemCode, number])[],
): readonly ErrorOf[] {
  const { caller, body, parameters, isRateLimited } = operation
  const takesPath = parameters?.some((parameter) => parameter.in === 'path')
  const following: readonly (ProblemCode | readonly [ProblemCode, number] | false | undefined)[] = [
    ...(['invalid_request', 'internal', 'temporarily_unavailable'] as const),
    ...(caller === 'anybody' ? [] : (['missing_token', 'invalid_token'] as const)),
    ...(body === undefined ? [] : (['payload_too_large', 'unsupported_media_type'] as const)),
    takesPath && ['invalid_request', 414],
    isRateLimited && 'rate_limited',
  ]
  return [...codes, ...following.filter((code) => code !== false && code !== undefined)].map((entry) => {
    const code = typeof entry === 'string' ? entry : entry[0]
    const usual = describeProblem(code)
    return { code, status: typeof entry === 'string' ? usual.status : entry[1], meaning: usual.title }
  })
}

function oauthErrorsOf(operation: Operation, codes: readonly OAuthErrorCode[]): readonly ErrorOf[] {
  const { caller, body, isRateLimited } = operation
  const isClient = caller === 'client' || caller === 'clientOrCookie' || caller === 'confidentialClient'
  const following: readonly OAuthErrorCode[] = [
    ...(['invalid_request', 'server_error', 'temporarily_unavailable'] as const),
    ...(isClient ? (['invalid_client', 'unauthorized_client'] as const) : []),
    ...(isRateLimited === true ? (['rate_limited'] as const) : []),
  ]
  const usual = [...codes, ...following].map((code) => {
    const { status, description } = describeOAuthError(code)
    return { code, status, meaning: description }
  })
  const { description: meaning } = describeOAuthError('invalid_request')
  const ofForms = body === undefined ? [] : [413, 415].map((status) => ({ code: 'invalid_request', status, meaning }))
  return [...usual, ...ofForms]
}

const HEADERS: Readonly<Record<number, Readonly<Record<string, ApiHeader>>>> = {
  401: { 'WWW-Authenticate': WWW_AUTHENTICATE },
  429: { 'Retry-After': RETRY_AFTER },
  503: { 'Retry-After': { ...RETRY_AFTER, required: false } },
}

function errorResponse({ errors }: Operation, status: number, failed: readonly ErrorOf[]): ApiResponse {
  const headers = HEADERS[status]
  const carried = headers === undefined ? {} : { headers }
  if (errors.kind === 'page') {
    return {
      description: 'A page that says what went wrong.',
      ...carried,
      content: { 'text/html': { schema: { type: 'string' } } },
    }
  }
  const description = failed.map(({ code, meaning }) => `\`${code}\`: ${meaning}`).join('. ')
  const [component, member, mediaType] =
    errors.kind === 'oauth'
      ? (['OAuthError', 'error', 'application/json'] as const)
      : (['Problem', 'code', PROBLEM_MEDIA_TYPE] as const)
  const codes: JsonSchema = {
    type: 'string',
    enum: failed.map(({ code }) => code),
    'x-enumDescriptions': Object.fromEntries(failed.map(({ code, meaning }) => [code, meaning])),
  }
  const schema = { allOf: [componentRef(component), { type: 'object', properties: { [member]: codes } }] }
  return { description, ...carried, content: { [mediaType]: { schema } } }
}

/** The challenge endpoint answers its first call with the status of an error. */
function withError(answer: ApiResponse | undefined, error: ApiResponse): ApiResponse {
  const schema = answer?.content?.['application/json']?.schema
  const other = error.content?.['application/json']?.schema
  if (answer === undefined || schema === undefined || other === undefined) return error
  const description = `${answer.description} Or: ${error.description}`
  const examples = answer.content?.['application/json']?.examples
  const media = { schema: { anyOf: [schema, other] }, ...(examples === undefined ? {} : { examples }) }
  return { ...answer, description, content: { 'application/json': media } }
}
