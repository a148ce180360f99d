// RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): what a logout request may do before anybody has
// confirmed it. Signing out itself is in sign-on.ts.
import type { LogoutRequest } from '@meridian/protocol/authorization-request'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { type Client, findClient } from '../store/clients.ts'
import { isSessionOfSignOn } from '../store/sign-on-sessions.ts'
import { type IdTokenHint, openIdTokenHint } from './id-token.ts'
import type { SignOn } from './sign-on.ts'

export type CheckedLogout = {
  readonly client: Client | undefined
  readonly hint: IdTokenHint | undefined
  /** Where the browser may go afterwards: only what the client registered (§3). */
  readonly returnUrl: string | null
}

/** Throws Refusal (bad_logout_request) for a hint that is not ours and a URI that is not the client's. */
export async function checkLogout(
  deps: Pick<Deps, 'db' | 'settings' | 'keySet'>,
  request: LogoutRequest,
): Promise<CheckedLogout> {
  const hint = request.id_token_hint === undefined ? undefined : openIdTokenHint(deps, request.id_token_hint)
  if (request.id_token_hint !== undefined && hint === undefined) {
    throw new Refusal('bad_logout_request', 'id_token_hint: is not an ID token of ours')
  }
  const clientId = request.client_id ?? hint?.aud
  if (hint !== undefined && hint.aud !== clientId) {
    throw new Refusal('bad_logout_request', 'id_token_hint: was made for another client')
  }
  const client = clientId === undefined ? undefined : await findClient(deps.db, clientId)
  const uri = request.post_logout_redirect_uri
  if (uri === undefined) return { client, hint, returnUrl: null }
  if (client === undefined || !client.postLogoutRedirectUris.includes(uri)) {
    throw new Refusal('bad_logout_request', 'post_logout_redirect_uri: is not one that the client registered')
  }
  const state = request.state === undefined ? '' : new URLSearchParams({ state: request.state }).toString()
  const separator = state === '' ? '' : uri.includes('?') ? '&' : '?'
  return { client, hint, returnUrl: `${uri}${separator}${state}` }
}

/** Whether the request shows an ID token of this very sign-on, which nobody but its clients was ever given. */
export async function isAskedByOwnClient(
  deps: Pick<Deps, 'db'>,
  hint: IdTokenHint | undefined,
  signOn: SignOn,
): Promise<boolean> {
  return hint !== undefined && hint.sub === signOn.user_id && isSessionOfSignOn(deps.db, hint.sid, signOn.id)
}
