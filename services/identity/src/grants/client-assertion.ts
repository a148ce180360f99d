// private_key_jwt (OpenID Connect Core §9, RFC 7523 §2.2 and §3): a client proves itself by a short-lived assertion
// that it signed with a registered key. authenticate-client.ts decides which client and which method; the keys are the
// registry's. Whether an assertion is in time and new is decided by the statement that consumes its `jti`.
import type { Jwks, PublicJwk } from '@meridian/protocol/jwks'
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { sha256 } from '../secrets/macs.ts'
import { consumeAssertion } from '../store/client-assertions.ts'

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const MAX_LIFETIME_SECONDS = 300
const LEEWAY_SECONDS = 30

const headerSchema = z.looseObject({
  alg: z.enum(['ES256', 'RS256']),
  kid: z.string().max(128).optional(),
  // Another kind of JWT that the client signs is no authentication. RFC 8725 §3.11.
  typ: z.enum(['JWT', 'jwt', 'client-authentication+jwt']).optional(),
})

const numericDate = z.number().positive().max(253_402_300_799)

const claimsSchema = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.tuple([z.string()]).transform(([only]) => only)]),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  jti: z.string().min(1).max(256),
})

/** The client that an assertion says it is of; proves nothing. */
export function subjectOf(assertion: string): string {
  try {
    const { sub } = decodeJwt(assertion)
    if (typeof sub === 'string') return sub
  } catch {
    // Refused below, as any other unreadable one.
  }
  throw new Refusal('invalid_client', 'the assertion names no client')
}

/** Verifies the assertion and consumes it. Throws Refusal (invalid_client), the same for every reason. */
export async function verifyClientAssertion(
  deps: Pick<Deps, 'db' | 'settings'>,
  client: { readonly id: string; readonly jwks: Jwks | null },
  assertion: string,
): Promise<void> {
  const claims = await openAssertion(assertion, client.jwks?.keys ?? [])
  const { issuer } = deps.settings
  if (claims.iss !== client.id || claims.sub !== client.id) {
    throw new Refusal('invalid_client', 'assertion: another issuer or subject')
  }
  if (claims.aud !== issuer && claims.aud !== `${issuer}/oauth/token`) {
    throw new Refusal('invalid_client', 'assertion: another audience')
  }
  const consumed = await consumeAssertion(
    deps.db,
    {
      clientId: client.id,
      jtiHash: sha256(claims.jti),
      expiresAt: claims.exp,
      notBefore: Math.max(claims.iat ?? 0, claims.nbf ?? 0),
    },
    { lifetimeSeconds: MAX_LIFETIME_SECONDS, leewaySeconds: LEEWAY_SECONDS },
  )
  if (!consumed) throw new Refusal('invalid_client', 'assertion: not in time, too long, or used before')
}

async function openAssertion(assertion: string, keys: readonly PublicJwk[]): Promise<z.output<typeof claimsSchema>> {
  try {
    const { alg, kid } = headerSchema.parse(decodeProtectedHeader(assertion))
    const [jwk, ...others] = keys.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid))
    if (jwk === undefined || others.length > 0) throw new Error('no one key fits')
    const publicKey = await importJWK({ ...jwk, use: 'sig' }, jwk.alg)
    const { payload } = await compactVerify(assertion, publicKey, { algorithms: [jwk.alg] })
    return claimsSchema.parse(JSON.parse(new TextDecoder().decode(payload)))
  } catch (error) {
    throw new Refusal('invalid_client', `assertion: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
}
