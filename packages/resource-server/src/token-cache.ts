import type { VerifiedToken } from './verify-access-token.ts'

/** Verified tokens by their whole string: a prefix or a digest could belong to another token. */
export interface TokenCache {
  /** The token as it was verified, unless it has expired. Revocation is asked anew on each use, not here. */
  find(token: string, nowSeconds: number): VerifiedToken | undefined
  add(token: string, verified: VerifiedToken): void
}

/**
 * Two generations of at most `maxTokens` each: what is used moves to the young one, the old one is dropped
 * whole. Refusals are never kept: a stream of bad tokens cannot push good ones out.
 */
export function createTokenCache(maxTokens: number): TokenCache {
  let young = new Map<string, VerifiedToken>()
  let old = new Map<string, VerifiedToken>()

  function add(token: string, verified: VerifiedToken): void {
    if (young.size >= maxTokens) {
      old = young
      young = new Map()
    }
    young.set(token, verified)
  }

  function find(token: string, nowSeconds: number): VerifiedToken | undefined {
    const recent = young.get(token)
    const verified = recent ?? old.get(token)
    if (verified === undefined) return undefined
    if (nowSeconds >= verified.claims.exp) {
      young.delete(token)
      old.delete(token)
      return undefined
    }
    if (recent === undefined) add(token, verified)
    return verified
  }

  return { find, add }
}
