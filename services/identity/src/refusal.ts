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
  // for the person at the browser alone, on a page
  | 'unknown_client'
  | 'bad_redirect_uri'
  | 'wrong_browser'
  | 'expired_flow'
  | 'bad_logout_request'

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** Which input is wrong; public. Never quotes the input. */
  readonly detail: string | undefined
  /** With `insufficient_user_authentication`: how old a sign-in may be. RFC 9470 §3. */
  readonly maxAgeSeconds: number | undefined

  /** `reason` is for the log only. */
  constructor(code: RefusalCode, reason: string, detail?: string, options: { maxAgeSeconds?: number } = {}) {
    super(reason)
    this.code = code
    this.detail = detail
    this.maxAgeSeconds = options.maxAgeSeconds
  }
}
