// Introspection (RFC 7662): what a token of ours is worth now. A client may ask about its own tokens, and a region's
// client about those that are meant for its region; whatever else it shows is inactive, so that nobody can try tokens
// out here. All that a token vouches for is read again, and nothing is changed.
import type { AccountTokenClaims, ClientTokenClaims, RegionTokenClaims } from '@meridian/protocol/access-token'
import type { Introspection } from '@meridian/protocol/introspection'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { type Client, findClient } from '../store/clients.ts'
import { readNow } from '../store/deployment.ts'
import { findAdmission, findHead } from '../store/introspection.ts'
import { findSignedIn } from '../store/sessions.ts'
import { findSupportAdmission } from '../store/support-admission.ts'
import { openAccountToken, openClientToken, openRegionToken } from './access-token.ts'
import { verifyRefreshToken } from './refresh-token.ts'

type IntrospectDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'keySet'>

const INACTIVE: Introspection = { active: false }

/** Throws Refusal (invalid_client) for a client that proves nothing. */
export async function introspect(deps: IntrospectDeps, caller: Client, token: string): Promise<Introspection> {
  if (caller.authMethod === 'none') throw new Refusal('invalid_client', 'a public client may not introspect')
  const account = openAccountToken(deps, token)
  if (account !== undefined) return introspectAccountToken(deps, caller, account)
  const region = openRegionToken(deps, token)
  if (region !== undefined) return introspectRegionToken(deps, caller, region)
  const client = openClientToken(deps, token)
  if (client !== undefined) return introspectClientToken(deps, caller, client)
  return introspectRefreshToken(deps, caller, token)
}

async function introspectAccountToken(
  deps: IntrospectDeps,
  caller: Client,
  claims: AccountTokenClaims,
): Promise<Introspection> {
  if (claims.client_id !== caller.id) return INACTIVE
  const live = await findSignedIn(deps.db, claims.sid, claims.client_id)
  if (live === undefined || live.user_id !== claims.sub || live.now >= claims.exp) return INACTIVE
  return { ...accessTokenMembers(claims), sid: claims.sid, auth_time: claims.auth_time }
}

async function introspectRegionToken(
  deps: IntrospectDeps,
  caller: Client,
  claims: RegionTokenClaims,
): Promise<Introspection> {
  if (claims.client_id !== caller.id && claims.region !== caller.region) return INACTIVE
  if (!(await isAdmitted(deps, claims))) return INACTIVE
  const { sid, auth_time, org_id, region, role, act } = claims
  const members = { ...accessTokenMembers(claims), sid, auth_time, org_id, region, role }
  return act === undefined ? members : { ...members, act }
}

async function isAdmitted(deps: Pick<IntrospectDeps, 'db'>, claims: RegionTokenClaims): Promise<boolean> {
  if (claims.act === undefined) {
    const live = await findAdmission(deps.db, claims)
    return live !== undefined && live.user_id === claims.sub && live.now < claims.exp
  }
  const live = await findSupportAdmission(deps.db, claims)
  return live !== undefined && live.actor === claims.act.sub && live.now < claims.exp
}

async function introspectClientToken(
  deps: IntrospectDeps,
  caller: Client,
  claims: ClientTokenClaims,
): Promise<Introspection> {
  if (claims.client_id !== caller.id) return INACTIVE
  const client = await findClient(deps.db, claims.client_id)
  if (client === undefined || (await readNow(deps.db)) >= claims.exp) return INACTIVE
  return accessTokenMembers(claims)
}

function accessTokenMembers(claims: AccountTokenClaims | RegionTokenClaims | ClientTokenClaims) {
  const { scope, client_id, iss, sub, exp, iat, aud, jti } = claims
  return { active: true, scope, client_id, token_type: 'Bearer', iss, sub, exp, iat, aud, jti } as const
}

async function introspectRefreshToken(deps: IntrospectDeps, caller: Client, token: string): Promise<Introspection> {
  const { issuer } = deps.settings
  const parts = verifyRefreshToken(deps.secrets, { issuer, clientId: caller.id }, token)
  const head = parts === undefined ? undefined : await findHead(deps.db, caller.id, parts)
  if (head === undefined) return INACTIVE
  return {
    active: true,
    scope: head.scope,
    client_id: caller.id,
    iss: issuer,
    sub: head.user_id,
    exp: Math.floor(head.expires_at),
    iat: Math.floor(head.issued_at),
    sid: head.session_id,
    auth_time: Math.floor(head.auth_time),
  }
}
