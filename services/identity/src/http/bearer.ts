import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { openAccountToken, openClientToken } from '../sessions/access-token.ts'
import type { SignedInPerson } from '../sessions/signed-in-person.ts'
import { findSignedInPerson } from '../sessions/signed-in-person.ts'

const signedIn = new WeakMap<FastifyRequest, SignedInPerson>()

/** Whoever this request has been authenticated for by now. */
export function findSignedInOf(request: FastifyRequest): SignedInPerson | undefined {
  return signedIn.get(request)
}

const TOKEN = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** The bearer token of the Authorization header (RFC 6750 §2.1). */
export function readBearer(request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization === undefined) throw new Refusal('missing_token', 'no Authorization header')
  const token = TOKEN.exec(authorization)?.[1]
  if (token === undefined) throw new Refusal('invalid_token', 'not a bearer token')
  return token
}

/** The person behind an account token, re-read from the database. Throws Refusal (missing_token, invalid_token). */
export async function authenticatePerson(
  deps: Pick<Deps, 'db' | 'settings' | 'keySet'>,
  request: FastifyRequest,
): Promise<SignedInPerson> {
  return personOf(deps, request, readBearer(request))
}

/** The same, of a token that the endpoint found elsewhere. */
export async function personOf(
  deps: Pick<Deps, 'db' | 'settings' | 'keySet'>,
  request: FastifyRequest,
  token: string,
): Promise<SignedInPerson> {
  const claims = openAccountToken(deps, token)
  if (claims === undefined) throw new Refusal('invalid_token', 'no account token of ours')
  const person = await findSignedInPerson(deps.db, claims)
  if (person === undefined) throw new Refusal('invalid_token', 'expired, or its session is over')
  request.logFields = { ...request.logFields, user_id: person.userId, client_id: person.clientId }
  signedIn.set(request, person)
  return person
}

export async function authenticateSysAdmin(
  deps: Pick<Deps, 'db' | 'settings' | 'keySet'>,
  request: FastifyRequest,
): Promise<SignedInPerson> {
  const person = await authenticatePerson(deps, request)
  if (person.platformRole !== 'sys_admin') throw new Refusal('access_denied', 'not a sys-admin')
  return person
}

/** A confidential client on its own behalf. Whether its token is still in time is the caller's database's to say. */
export function authenticateClientToken(
  deps: Pick<Deps, 'settings' | 'keySet'>,
  request: FastifyRequest,
): ClientTokenClaims {
  const claims = openClientToken(deps, readBearer(request))
  if (claims === undefined) throw new Refusal('invalid_token', 'no client token of ours')
  request.logFields = { ...request.logFields, client_id: claims.client_id }
  return claims
}
