// Errors of `/v1` and of everything that is not an OAuth endpoint: problem details (RFC 9457). The wire format is
// packages/protocol/src/problem.ts; OAuth endpoints answer with oauth-error.ts instead; request-fault.ts turns what
// the framework and the database throw into one of the two.
import { PROBLEM_MEDIA_TYPE, type ProblemCode, type ProblemDetails } from '@meridian/protocol/problem'
import type { FastifyReply } from 'fastify'

/** One public text and one usual status a code. */
const PROBLEMS: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  access_denied: [403, 'Not allowed'],
  client_id_taken: [409, 'A client of that id exists'],
  conflict: [409, 'Conflicts with the current state'],
  context_required: [403, 'Needs a token for an organization and a region'],
  domain_taken: [409, 'That domain cannot be used'],
  domain_unproved: [409, 'The domain is not proved yet'],
  email_taken: [409, 'That address cannot be used'],
  idempotency_key_reused: [422, 'Idempotency key was used for another request'],
  insufficient_scope: [403, 'The token has not the scope that this needs'],
  insufficient_user_authentication: [401, 'Needs a more recent sign-in'],
  ENHANCEMENT_REQUIRES_STANDALONE: [409, 'An enhancement needs its standalone modules'],
  INVALID_MODULE: [422, 'No such module'],
  internal: [500, 'Something went wrong on our side'],
  invalid_code: [400, 'The code is wrong or no longer valid'],
  invalid_request: [400, 'Invalid request'],
  invalid_token: [401, 'Invalid or expired token'],
  invitation_gone: [410, 'The invitation is no longer valid'],
  last_manager: [409, 'An organization keeps at least one active manager'],
  manager_present: [409, 'The organization has an active manager'],
  missing_token: [401, 'Needs an access token'],
  moved_host: [421, 'This host has moved'],
  method_not_allowed: [405, 'Method not allowed here'],
  not_found: [404, 'Not found'],
  payload_too_large: [413, 'Request body is too large'],
  precondition_failed: [412, 'Changed since it was read'],
  precondition_required: [428, 'Needs If-Match'],
  rate_limited: [429, 'Too many requests'],
  request_timeout: [408, 'Request took too long to arrive'],
  slug_taken: [409, 'Slug is taken'],
  sys_admin_cannot_be_member: [409, 'A system administrator cannot be a member of an organization'],
  temporarily_unavailable: [503, 'Temporarily unavailable, try again'],
  tenant_maintenance: [503, 'Organization is under maintenance'],
  tenant_mismatch: [403, 'Token belongs to another organization than this host'],
  cursor_gone: [410, 'The cursor leads nowhere: compare digests, or take a snapshot'],
  region_unavailable: [503, 'Region temporarily unavailable'],
  too_many_invitations: [409, 'Too many invitations are pending or were mailed today'],
  unknown_host: [404, 'Unknown host'],
  unknown_region: [404, 'Unknown region'],
  unsupported_media_type: [415, 'Unsupported content type'],
  wrong_region: [401, 'Token belongs to another region'],
}

/** What a code usually means: its status and its public text. */
export function describeProblem(code: ProblemCode): { readonly status: number; readonly title: string } {
  const [status, title] = PROBLEMS[code]
  return { status, title }
}

type FieldErrors = NonNullable<ProblemDetails['errors']>

export type ProblemOptions = {
  /** Where it is not the usual one of the code. */
  readonly status?: number
  /** Public: what to do about it. */
  readonly detail?: string | undefined
  readonly errors?: FieldErrors | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Further public members, such as `api_url` with `wrong_region`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** For the log only. */
  readonly cause?: unknown
}

export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: ProblemCode
  readonly detail: string | undefined
  readonly errors: FieldErrors | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(PROBLEMS[code][1], { cause: options.cause })
    this.code = code
    this.status = options.status ?? PROBLEMS[code][0]
    this.detail = options.detail
    this.errors = options.errors
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }
}

export function problemDetails(problem: Problem, requestId: string): ProblemDetails {
  return {
    ...problem.members,
    type: 'about:blank',
    title: PROBLEMS[problem.code][1],
    status: problem.status,
    code: problem.code,
    ...(problem.detail === undefined ? {} : { detail: problem.detail }),
    request_id: requestId,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  }
}

/** Never cached, whatever the route had set. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers({ ...problem.headers, 'cache-control': 'no-store', 'content-type': PROBLEM_MEDIA_TYPE })
    .serializer(JSON.stringify)
    .send(problemDetails(problem, reply.request.id))
}
