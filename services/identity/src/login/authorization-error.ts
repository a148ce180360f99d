import type { AuthorizationErrorCode } from '@meridian/protocol/authorization-request'

/** Where the answer to an authorization request goes, once its redirect URI is known to be the client's. */
export type ReturnAddress = {
  readonly redirectUri: string
  readonly state: string | undefined
  readonly responseMode: 'query' | 'form_post'
}

/** An error that the client is told at its redirect URI. RFC 6749 §4.1.2.1. */
export class AuthorizationError extends Error {
  override readonly name = 'AuthorizationError'
  readonly error: AuthorizationErrorCode
  /** Public; never quotes the input. */
  readonly description: string
  readonly returnAddress: ReturnAddress

  constructor(error: AuthorizationErrorCode, description: string, returnAddress: ReturnAddress) {
    super(description)
    this.error = error
    this.description = description
    this.returnAddress = returnAddress
  }
}
