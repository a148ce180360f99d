// The errors of the identity service, as values: a stable code for the caller, a private reason for the log.
// They become HTTP in http/errors.ts and nowhere else.

export type RefusalCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_code'
  | 'method_not_supported'
  | 'access_denied'
  | 'invalid_token'
  | 'missing_token'
  | 'slug_taken'
  | 'unknown_region'
  | 'sys_admin_cannot_be_member'
  | 'idempotency_key_reused'
  | 'conflict'
  | 'not_found'
  | 'precondition_failed'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
  | 'temporarily_unavailable'
  | 'client_id_taken'
  | 'email_taken'
  | 'last_manager'
  | 'manager_present'
  | 'invitation_gone'
  | 'too_many_invitations'
  | 'cursor_gone'
  | 'region_unavailable'
  | 'domain_taken'
  | 'domain_unproved'
  | 'rate_limited'
  | 'unknown_host'
  | 'INVALID_MODULE'
  | 'ENHANCEMENT_REQUIRES_STANDALONE'
  // for the person at the browser alone, on a page
  | 'unknown_client'
  | 'bad_redirect_uri'
  | 'wrong_browser'
  | 'expired_flow'
  | 'bad_logout_request'

/** For the audit: who was refused, where no bearer token says it. */
export type RefusedActor = {
  readonly userId: string | null
  readonly clientId: string
  readonly sessionId: string | null
}

export type RefusalOptions = {
  readonly maxAgeSeconds?: number
  readonly retryAfterSeconds?: number
  readonly members?: Readonly<Record<string, unknown>>
  readonly actor?: RefusedActor
}

export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** As packages/service-kit asks. */
  readonly isRefusal = true
  readonly code: RefusalCode
  /** Which input is wrong; public. Never quotes the input. */
  readonly detail: string | undefined
  /** With `insufficient_user_authentication`: how old a sign-in may be. RFC 9470 §3. */
  readonly maxAgeSeconds: number | undefined
  /** With `rate_limited`: when it is worth another try. */
  readonly retryAfterSeconds: number | undefined
  /** Further public members of the problem, such as `module` and `missing`. RFC 9457 §3.2. */
  readonly members: Readonly<Record<string, unknown>>

  readonly actor: RefusedActor | undefined

  /** `reason` is for the log only. */
  constructor(code: RefusalCode, reason: string, detail?: string, options: RefusalOptions = {}) {
    super(reason)
    this.code = code
    this.detail = detail
    this.maxAgeSeconds = options.maxAgeSeconds
    this.retryAfterSeconds = options.retryAfterSeconds
    this.members = options.members ?? {}
    this.actor = options.actor
  }
}
