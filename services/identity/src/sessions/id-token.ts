import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { openCompactJws, signCompactJws } from '../keys/compact-jws.ts'
import type { SigningAlgorithm } from '../keys/key-set.ts'
import type { SignedIn } from '../store/mint-state.ts'
import { acrOf } from './acr.ts'

const ID_TOKEN_TYPE = 'JWT'

/** Mints an ID token (OpenID Connect Core §2) for a client that redeems a code with `openid` in its scope. */
export function mintIdToken(
  deps: Pick<Deps, 'settings' | 'keySet'>,
  client: { readonly id: string; readonly idTokenAlg: SigningAlgorithm },
  signedIn: SignedIn,
  nonce: string | null,
): string {
  const iat = Math.floor(signedIn.now)
  return signCompactJws(deps.keySet().active[client.idTokenAlg], ID_TOKEN_TYPE, {
    iss: deps.settings.issuer,
    sub: signedIn.user_id,
    aud: client.id,
    iat,
    exp: iat + deps.settings.accessTokenTtlSeconds,
    auth_time: Math.floor(signedIn.auth_time),
    amr: signedIn.amr,
    acr: acrOf(signedIn.amr),
    sid: signedIn.session_id,
    ...(nonce === null ? {} : { nonce }),
  })
}

const idTokenHintSchema = z.object({ iss: z.string(), sub: z.string(), aud: z.string(), sid: z.string() })
export type IdTokenHint = z.infer<typeof idTokenHintSchema>

/**
 * An ID token of ours that comes back as a hint; undefined for any other. It may have expired, and proves nothing
 * about who shows it. OpenID Connect Core §3.1.2.1, RP-Initiated Logout 1.0 §4.
 */
export function openIdTokenHint(deps: Pick<Deps, 'settings' | 'keySet'>, token: string): IdTokenHint | undefined {
  const opened = openCompactJws(token, ID_TOKEN_TYPE, (kid) => {
    const jwk = deps.keySet().hintJwks.find((candidate) => candidate.kid === kid)
    return jwk && createPublicKey({ key: jwk, format: 'jwk' })
  })
  const parsed = idTokenHintSchema.safeParse(opened?.claims)
  return parsed.success && parsed.data.iss === deps.settings.issuer ? parsed.data : undefined
}
