import type { ProblemCode } from '@meridian/protocol/problem'

type AdmissionCode = Extract<
  ProblemCode,
  | 'access_denied'
  | 'invalid_request'
  | 'invalid_token'
  | 'missing_token'
  | 'moved_host'
  | 'not_found'
  | 'temporarily_unavailable'
  | 'tenant_maintenance'
  | 'tenant_mismatch'
  | 'unknown_host'
  | 'wrong_region'
>

/** One public text a code; the reason goes to the log only. */
const REFUSALS: Readonly<Record<AdmissionCode, readonly [status: number, title: string]>> = {
  access_denied: [403, 'Not allowed'],
  invalid_request: [400, 'Invalid request'],
  invalid_token: [401, 'Invalid or expired token'],
  missing_token: [401, 'Needs an access token'],
  moved_host: [421, 'This host has moved'],
  not_found: [404, 'Not found'],
  temporarily_unavailable: [503, 'Temporarily unavailable, try again'],
  tenant_maintenance: [503, 'Organization is under maintenance'],
  tenant_mismatch: [403, 'Token belongs to another organization than this host'],
  unknown_host: [404, 'Unknown host'],
  wrong_region: [401, 'Token belongs to another region'],
}

/** RFC 6750 §3: no error code where no token came; `invalid_token` says to get a new one. */
const CHALLENGES: Partial<Record<AdmissionCode, string>> = {
  missing_token: 'Bearer',
  invalid_token: 'Bearer error="invalid_token", error_description="The access token is invalid or expired"',
  wrong_region: 'Bearer error="invalid_token", error_description="The access token is for another region"',
}

/** Why a request is not let in. `reason` is for the log; the rest is public. */
export class AdmissionRefusal extends Error {
  readonly statusCode: number
  readonly status: number
  readonly code: AdmissionCode
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>
  readonly reason: string

  constructor(
    code: AdmissionCode,
    reason: string,
    options: {
      headers?: Readonly<Record<string, string>>
      members?: Readonly<Record<string, unknown>>
      /** Where it is not the usual one of the code. */
      status?: number
    } = {},
  ) {
    const [usualStatus, title] = REFUSALS[code]
    const status = options.status ?? usualStatus
    super(title)
    this.name = 'AdmissionRefusal'
    this.status = status
    this.statusCode = status
    this.code = code
    this.reason = reason
    this.members = options.members ?? {}
    const challenge = CHALLENGES[code]
    this.headers = {
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(status === 503 ? { 'retry-after': '1' } : {}),
      ...options.headers,
    }
  }
}
