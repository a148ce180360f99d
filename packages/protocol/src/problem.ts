// Problem details (RFC 9457) as every `/v1` answers them, in the centre and in the regions.
// `code` is the stable part; `title` may be reworded, `detail` says what to do about it.
import { z } from 'zod'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

export const problemCodeSchema = z.enum([
  'access_denied',
  'client_id_taken',
  'conflict',
  'context_required',
  'cursor_gone',
  'domain_taken',
  'domain_unproved',
  'email_taken',
  'idempotency_key_reused',
  'insufficient_scope',
  'insufficient_user_authentication',
  'internal',
  // The two that have their spelling from the document that asked for them.
  'ENHANCEMENT_REQUIRES_STANDALONE',
  'INVALID_MODULE',
  'invalid_code',
  'invalid_request',
  'invalid_token',
  'invitation_gone',
  'last_manager',
  'manager_present',
  'missing_token',
  'moved_host',
  'method_not_allowed',
  'not_found',
  'payload_too_large',
  'precondition_failed',
  'precondition_required',
  'rate_limited',
  'region_unavailable',
  'request_timeout',
  'slug_taken',
  'sys_admin_cannot_be_member',
  'temporarily_unavailable',
  'tenant_maintenance',
  'tenant_mismatch',
  'too_many_invitations',
  'unknown_host',
  'unknown_region',
  'unsupported_media_type',
  'wrong_region',
])
export type ProblemCode = z.infer<typeof problemCodeSchema>

export const problemSchema = z.looseObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: problemCodeSchema,
  detail: z.string().optional(),
  request_id: z.string(),
  /** What is wrong with which field, for `invalid_request`. `pointer` is a JSON pointer (RFC 6901). */
  errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
})
export type ProblemDetails = z.infer<typeof problemSchema>
