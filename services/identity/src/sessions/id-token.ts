import type { Deps } from '../deps.ts'
import { signCompactJws } from '../keys/compact-jws.ts'
import type { SigningAlgorithm } from '../keys/key-set.ts'
import type { SignedIn } from '../store/mint-state.ts'

/** Mints an ID token (OpenID Connect Core §2) for a client that redeems a code with `openid` in its scope. */
export function mintIdToken(
  deps: Pick<Deps, 'settings' | 'keySet'>,
  client: { readonly id: string; readonly idTokenAlg: SigningAlgorithm },
  signedIn: SignedIn,
  nonce: string | null,
): string {
  const iat = Math.floor(signedIn.now)
  return signCompactJws(deps.keySet().active[client.idTokenAlg], 'JWT', {
    iss: deps.settings.issuer,
    sub: signedIn.user_id,
    aud: client.id,
    iat,
    exp: iat + deps.settings.accessTokenTtlSeconds,
    auth_time: Math.floor(signedIn.auth_time),
    amr: signedIn.amr,
    sid: signedIn.session_id,
    ...(nonce === null ? {} : { nonce }),
  })
}
