// Verifies a region token (RFC 9068 §4, RFC 8725): a pure function of token, keys, expectations and time.
// Where keys come from is key-ring.ts, whether the token was revoked since is revocations.ts.
import { type KeyObject, verify as verifySignature } from 'node:crypto'
import {
  ACCESS_TOKEN_ALGORITHM,
  ACCESS_TOKEN_MAX_TTL_SECONDS,
  type RegionTokenClaims,
  regionTokenClaimsSchema,
} from '@meridian/protocol/access-token'
import { type CompactJwsRefusal, parseCompactJws, parseJsonObject } from './compact-jws.ts'

export interface VerificationKey {
  kid: string
  alg: string
  key: KeyObject
}

export type FindVerificationKey = (kid: string) => VerificationKey | undefined

export interface TokenExpectations {
  issuer: string
  /** This region's audience, which is its api_url. */
  audience: string
  region: string
  /** How far the issuer's clock and ours may differ. */
  leewaySeconds: number
}

export interface VerifiedToken {
  kid: string
  claims: RegionTokenClaims
}

export type TokenRefusal =
  | CompactJwsRefusal
  | 'signature'
  | 'issuer'
  | 'claims'
  | 'lifetime'
  | 'not_yet_valid'
  | 'expired'
  | 'audience'

export type TokenVerdict =
  | { outcome: 'verified'; token: VerifiedToken }
  | { outcome: 'refused'; reason: TokenRefusal }
  | { outcome: 'unknown_key'; kid: string }
  | { outcome: 'wrong_region'; apiUrl: string }

export function verifyAccessToken(
  token: string,
  findKey: FindVerificationKey,
  expectations: TokenExpectations,
  nowSeconds: number,
): TokenVerdict {
  const parsed = parseCompactJws(token)
  if (!parsed.ok) return refused(parsed.reason)
  const { kid, signingInput, signature, payload } = parsed.jws

  const key = findKey(kid)
  if (key === undefined) return { outcome: 'unknown_key', kid }
  if (key.alg !== ACCESS_TOKEN_ALGORITHM) return refused('algorithm')
  if (!verifySignature('sha256', signingInput, { key: key.key, dsaEncoding: 'ieee-p1363' }, signature)) {
    return refused('signature')
  }

  const unparsed = parseJsonObject(payload)
  if (unparsed === null) return refused('claims')
  if (unparsed['iss'] !== expectations.issuer) return refused('issuer')
  const claims = regionTokenClaimsSchema.safeParse(unparsed)
  if (!claims.success) return refused('claims')

  const reason = timeRefusal(claims.data, expectations.leewaySeconds, nowSeconds)
  if (reason !== null) return refused(reason)
  return placed({ kid, claims: claims.data }, expectations)
}

function timeRefusal(claims: RegionTokenClaims, leewaySeconds: number, nowSeconds: number): TokenRefusal | null {
  const { iat, exp, nbf } = claims
  if (exp <= iat || exp - iat > ACCESS_TOKEN_MAX_TTL_SECONDS) return 'lifetime'
  if (iat > nowSeconds + leewaySeconds || (nbf ?? iat) > nowSeconds + leewaySeconds) return 'not_yet_valid'
  return nowSeconds >= exp + leewaySeconds ? 'expired' : null
}

/** Audience and region must name the same place. `api_url` is told only from a token that is good in every other way. */
function placed(token: VerifiedToken, expectations: TokenExpectations): TokenVerdict {
  const sameAudience = token.claims.aud === expectations.audience
  const sameRegion = token.claims.region === expectations.region
  if (sameAudience && sameRegion) return { outcome: 'verified', token }
  if (sameAudience || sameRegion) return refused('audience')
  return { outcome: 'wrong_region', apiUrl: token.claims.aud }
}

function refused(reason: TokenRefusal): TokenVerdict {
  return { outcome: 'refused', reason }
}
