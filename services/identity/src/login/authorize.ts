// Answers an authorization request: what the person at the browser must do first, or else the code. The request
// comes checked from authorization-request.ts. OpenID Connect Core §3.1.2.3 to §3.1.2.5.
import { withTransaction } from '@meridian/database/transaction'
import type { Origin } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import type { IdTokenHint } from '../sessions/id-token.ts'
import type { SignOn } from '../sessions/sign-on.ts'
import { insertCode } from '../store/authorization-codes.ts'
import { type ContextRow, listContexts } from '../store/contexts.ts'
import { listOwnInvitations } from '../store/invitation-answers.ts'
import { findOrganizationId } from '../store/organization-names.ts'
import { joinSignOn } from '../store/sign-on-sessions.ts'
import { formatAuthorizationCode } from './authorization-code.ts'
import { AuthorizationError } from './authorization-error.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import { recordSignIn } from './challenge.ts'

export type AuthorizeDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'makeId'>

/** A place where the code may be bound to, offered to the person. */
export type OfferedContext = ContextRow

/** Invitations are shown before anything else, or only to a person who could not go on, or not again. */
export type OfferOfInvitations = 'now' | 'if_stuck' | 'never'

/** What is next: a page that the person must answer, or the code. */
export type Authorization =
  | { readonly kind: 'sign_in' }
  | { readonly kind: 'choose_account' }
  | { readonly kind: 'choose_context'; readonly contexts: readonly OfferedContext[] }
  | { readonly kind: 'invitations' }
  | { readonly kind: 'no_membership' }
  | { readonly kind: 'no_access' }
  | { readonly kind: 'code'; readonly code: string }

/** Throws AuthorizationError where the client must be told instead, as with prompt=none. */
export async function authorize(
  deps: AuthorizeDeps,
  request: AuthorizationRequest,
  signOn: SignOn | undefined,
  hint: IdTokenHint | undefined,
  offer: OfferOfInvitations,
  origin: Origin,
): Promise<Authorization> {
  const isSilent = request.prompts.includes('none')
  if (signOn === undefined || !isSignInGoodEnough(request, signOn, hint)) {
    if (isSilent) throw refuse(request, 'login_required', 'the person must sign in')
    return { kind: 'sign_in' }
  }
  if (request.prompts.includes('select_account') || request.prompts.includes('consent')) {
    return { kind: 'choose_account' }
  }
  const place = await offeredPlace(deps, request, signOn)
  if (!isSilent && (await hasInvitations(deps, signOn, place, offer))) return { kind: 'invitations' }
  switch (place.kind) {
    case 'bound':
    case 'unbound':
      return issueCode(deps, request, signOn, place.kind === 'bound' ? place.context : undefined, origin)
    case 'no_access':
      if (isSilent) throw refuse(request, 'invalid_target', 'the target is not available to this person')
      return place
    case 'choose_context':
      if (isSilent && place.isNeeded) throw refuse(request, 'interaction_required', 'the person must choose')
      return isSilent ? issueCode(deps, request, signOn, undefined, origin) : place
    case 'no_membership':
      return isSilent ? issueCode(deps, request, signOn, undefined, origin) : place
  }
}

function refuse(
  request: AuthorizationRequest,
  error: 'login_required' | 'interaction_required' | 'invalid_target',
  description: string,
): AuthorizationError {
  return new AuthorizationError(error, description, request.returnAddress)
}

function isSignInGoodEnough(request: AuthorizationRequest, signOn: SignOn, hint: IdTokenHint | undefined): boolean {
  if (request.prompts.includes('login')) return false
  if (hint !== undefined && hint.sub !== signOn.user_id) return false
  return request.maxAgeSeconds === undefined || signOn.now - signOn.auth_time <= request.maxAgeSeconds
}

export type Place =
  | { readonly kind: 'bound'; readonly context: ContextRow }
  | { readonly kind: 'unbound' }
  | { readonly kind: 'choose_context'; readonly contexts: readonly ContextRow[]; readonly isNeeded: boolean }
  | { readonly kind: 'no_membership' }
  | { readonly kind: 'no_access' }

/** Where the code shall be good for: the one place that is named or left over, the remembered one, or a choice. */
export async function offeredPlace(
  deps: Pick<AuthorizeDeps, 'db'>,
  request: AuthorizationRequest,
  signOn: SignOn,
): Promise<Place> {
  const { client, resource, org } = request
  const all = await listContexts(deps.db, signOn.user_id, client.id)
  const orgId = org === undefined ? undefined : await findOrganizationId(deps.db, org)
  const contexts = all.filter(
    (row) => (resource === undefined || row.audience === resource) && (org === undefined || row.org_id === orgId),
  )
  const [only] = contexts
  const isNamed = resource !== undefined || org !== undefined
  if (only === undefined) {
    if (isNamed) return { kind: 'no_access' }
    return signOn.platform_role === 'sys_admin' ? { kind: 'unbound' } : { kind: 'no_membership' }
  }
  const settled = contexts.length === 1 ? only : contexts.find((row) => row.remembered)
  // Unless the client named it, the place stays out of the code: a later choice of the person must not be overruled.
  if (settled !== undefined) return isNamed ? { kind: 'bound', context: settled } : { kind: 'unbound' }
  return { kind: 'choose_context', contexts, isNeeded: isNamed }
}

async function hasInvitations(
  deps: Pick<AuthorizeDeps, 'db'>,
  signOn: SignOn,
  place: Place,
  offer: OfferOfInvitations,
): Promise<boolean> {
  const isStuck = place.kind === 'no_membership' || place.kind === 'no_access'
  if (offer === 'never' || (offer === 'if_stuck' && !isStuck)) return false
  return (await listOwnInvitations(deps.db, signOn.user_id)).length > 0
}

async function issueCode(
  deps: AuthorizeDeps,
  request: AuthorizationRequest,
  signOn: SignOn,
  context: ContextRow | undefined,
  origin: Origin,
): Promise<Authorization> {
  const { client } = request
  const codeId = deps.makeId()
  const isIssued = await withTransaction(deps.db, async (db) => {
    const { ip, userAgent } = origin
    const joined = await joinSignOn(db, signOn.id, { id: deps.makeId(), clientId: client.id, ip, userAgent })
    if (joined === undefined) return false
    if (joined.is_new) {
      const signedIn = { userId: signOn.user_id, sessionId: joined.id, isRefused: false }
      await recordSignIn(deps, db, client, origin, signedIn)
    }
    await insertCode(db, {
      id: codeId,
      clientId: client.id,
      sessionId: joined.id,
      codeChallenge: request.codeChallenge,
      redirectUri: request.returnAddress.redirectUri,
      nonce: request.nonce ?? null,
      scope: request.scope,
      resource: context?.audience ?? null,
      org: context?.org_id ?? null,
      ttlSeconds: deps.settings.authorizationCodeTtlSeconds,
    })
    return true
  })
  // Signed out between the two looks.
  if (!isIssued) return { kind: 'sign_in' }
  return {
    kind: 'code',
    code: formatAuthorizationCode(deps.secrets, { issuer: deps.settings.issuer, clientId: client.id }, codeId),
  }
}
