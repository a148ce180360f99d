// Mints access tokens (RFC 9068) from state that was re-read in the statement before, and opens our own again.
import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  ACCESS_TOKEN_TYPE,
  ACCESS_TOKEN_VERSION,
  type AccountTokenClaims,
  accountTokenClaimsSchema,
  type ClientTokenClaims,
  clientTokenClaimsSchema,
  type RegionTokenClaims,
  regionTokenClaimsSchema,
} from '@meridian/protocol/access-token'
import type { Deps } from '../deps.ts'
import { openCompactJws, signCompactJws } from '../keys/compact-jws.ts'
import type { KeySet } from '../keys/key-set.ts'
import type { SignedIn, Target } from '../store/mint-state.ts'
import type { SupportMint } from '../store/support-admission.ts'
import { acrOf } from './acr.ts'

export type MintDeps = Pick<Deps, 'settings' | 'keySet' | 'randomBytes'>

export type MintedAccessToken = { readonly accessToken: string; readonly expiresInSeconds: number }

/** Up to this share of the lifetime is cut off at random, so that the clients of one outage do not return as one. */
const LIFETIME_JITTER = 0.05
const JTI_BYTES = 16

export function mintAccountToken(
  deps: MintDeps,
  clientId: string,
  scope: string,
  signedIn: SignedIn,
): MintedAccessToken {
  return mint(deps, signedIn.now, {
    ...signedInClaims(signedIn),
    aud: deps.settings.issuer,
    client_id: clientId,
    scope,
  })
}

export function mintRegionToken(
  deps: MintDeps,
  clientId: string,
  scope: string,
  signedIn: SignedIn,
  target: Target,
): MintedAccessToken {
  const { audience, org_id, region, role, mid, mv } = target
  const claims = {
    ...signedInClaims(signedIn),
    aud: audience,
    client_id: clientId,
    scope,
    org_id,
    region,
    role,
    mid,
    mv,
  }
  return mint(deps, signedIn.now, claims)
}

/**
 * For a sys-admin whom an organization has let in. The subject is the support grant, so that nothing in a region is ever
 * put down to a member; who acts is `act` (RFC 8693 §4.1). Ends with the grant.
 */
export function mintSupportToken(
  deps: MintDeps,
  clientId: string,
  scope: string,
  { audience, org_id, region, role, mid, mv, ...support }: SupportMint,
): MintedAccessToken {
  const signedIn = signedInClaims(support)
  const claims = { ...signedIn, sub: mid, act: { sub: signedIn.sub }, aud: audience, client_id: clientId, scope }
  return mint(deps, support.now, { ...claims, org_id, region, role, mid, mv }, Math.floor(support.expires_at))
}

/** A client on its own behalf (RFC 6749 §4.4): no person, no session. `nowSeconds` is the database's. */
export function mintClientToken(
  deps: MintDeps,
  clientId: string,
  scope: string,
  nowSeconds: number,
): MintedAccessToken {
  return mint(deps, nowSeconds, { aud: deps.settings.issuer, sub: clientId, client_id: clientId, scope })
}

function signedInClaims(signedIn: SignedIn) {
  const { user_id: sub, session_id: sid, amr } = signedIn
  return { sub, sid, auth_time: Math.floor(signedIn.auth_time), amr, acr: acrOf(amr) }
}

/** `endsAt`: seconds since the epoch that it does not outlive. */
function mint(
  deps: MintDeps,
  nowSeconds: number,
  claims: Readonly<Record<string, unknown>>,
  endsAt = Number.POSITIVE_INFINITY,
): MintedAccessToken {
  const random = deps.randomBytes(JTI_BYTES)
  const share = ((random[0] ?? 0) / 255) * LIFETIME_JITTER
  const iat = Math.floor(nowSeconds)
  const expiresInSeconds = Math.min(Math.floor(deps.settings.accessTokenTtlSeconds * (1 - share)), endsAt - iat)
  const accessToken = signCompactJws(deps.keySet().active.ES256, ACCESS_TOKEN_TYPE, {
    iss: deps.settings.issuer,
    ...claims,
    iat,
    exp: iat + expiresInSeconds,
    jti: Buffer.from(random).toString('base64url'),
    ver: ACCESS_TOKEN_VERSION,
  })
  return { accessToken, expiresInSeconds }
}

/** An account token of ours whose signature and shape hold; whether it is still good is for the database to say. */
export function openAccountToken(
  deps: Pick<MintDeps, 'settings' | 'keySet'>,
  token: string,
): AccountTokenClaims | undefined {
  const claims = open(deps, token)
  const parsed = accountTokenClaimsSchema.safeParse(claims)
  return parsed.success && isOurs(deps, parsed.data) ? parsed.data : undefined
}

export function openClientToken(
  deps: Pick<MintDeps, 'settings' | 'keySet'>,
  token: string,
): ClientTokenClaims | undefined {
  const parsed = clientTokenClaimsSchema.safeParse(open(deps, token))
  return parsed.success && isOurs(deps, parsed.data) ? parsed.data : undefined
}

/** A region token of ours. Which region it is for is for the caller to look at. */
export function openRegionToken(
  deps: Pick<MintDeps, 'settings' | 'keySet'>,
  token: string,
): RegionTokenClaims | undefined {
  const parsed = regionTokenClaimsSchema.safeParse(open(deps, token))
  return parsed.success && parsed.data.iss === deps.settings.issuer ? parsed.data : undefined
}

/** Whether we signed this as an access token of any shape. */
export function isOurAccessToken(deps: Pick<MintDeps, 'settings' | 'keySet'>, token: string): boolean {
  return open(deps, token) !== undefined
}

function isOurs(deps: Pick<MintDeps, 'settings'>, claims: { iss: string; aud: string }): boolean {
  return claims.iss === deps.settings.issuer && claims.aud === deps.settings.issuer
}

function open(deps: Pick<MintDeps, 'settings' | 'keySet'>, token: string): unknown {
  return openCompactJws(token, ACCESS_TOKEN_TYPE, (kid) => publicKeyOf(deps.keySet(), kid))?.claims
}

const publicKeys = new WeakMap<KeySet, Map<string, KeyObject>>()

function publicKeyOf(keySet: KeySet, kid: string): KeyObject | undefined {
  let known = publicKeys.get(keySet)
  if (known === undefined) {
    known = new Map()
    for (const jwk of keySet.publicJwks) {
      if (jwk.alg === 'ES256') known.set(jwk.kid, createPublicKey({ key: jwk, format: 'jwk' }))
    }
    publicKeys.set(keySet, known)
  }
  return known.get(kid)
}
