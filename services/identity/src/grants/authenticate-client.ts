import { Refusal } from '../refusal.ts'
import { macMatches, sha256 } from '../secrets/macs.ts'
import type { Client } from '../store/clients.ts'
import { findClient } from '../store/clients.ts'
import type { IdentityDb } from '../store/open-store.ts'

/** What a request shows of its client: the form's parameters and the Authorization header. RFC 6749 §2.3.1. */
export type ClientCredentials = {
  readonly client_id?: string | undefined
  readonly client_secret?: string | undefined
  readonly authorization?: string | undefined
}

/** Throws Refusal (invalid_client), the same whether the client is unknown or its secret wrong. */
export async function authenticateClient(db: IdentityDb, credentials: ClientCredentials): Promise<Client> {
  const presented = readCredentials(credentials)
  const client = await findClient(db, presented.clientId)
  if (client === undefined) throw new Refusal('invalid_client', 'unknown client')
  if (client.authMethod !== presented.method) throw new Refusal('invalid_client', 'another authentication method')
  if (client.secretHash !== null && !macMatches(sha256(presented.secret), client.secretHash)) {
    throw new Refusal('invalid_client', 'wrong secret')
  }
  return client
}

type Presented = { readonly clientId: string; readonly method: Client['authMethod']; readonly secret: string }

function readCredentials(credentials: ClientCredentials): Presented {
  const { client_id: clientId, client_secret: secret, authorization } = credentials
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (secret !== undefined)
      throw new Refusal('invalid_request', 'two authentication methods', 'client_secret: given twice')
    if (clientId !== undefined && clientId !== basic.clientId) throw new Refusal('invalid_client', 'two client ids')
    return { ...basic, method: 'client_secret_basic' }
  }
  if (clientId === undefined) throw new Refusal('invalid_client', 'no client id')
  if (secret !== undefined) return { clientId, secret, method: 'client_secret_post' }
  return { clientId, secret: '', method: 'none' }
}

/** RFC 7617, with both halves form-encoded as RFC 6749 §2.3.1 wants. */
function readBasic(authorization: string): { clientId: string; secret: string } {
  const encoded = /^Basic ([A-Za-z0-9+/]{1,600}={0,2})$/i.exec(authorization)?.[1]
  const decoded = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const separator = decoded.indexOf(':')
  if (separator < 1) throw new Refusal('invalid_client', 'unreadable Authorization header')
  try {
    const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '))
    return { clientId: decode(decoded.slice(0, separator)), secret: decode(decoded.slice(separator + 1)) }
  } catch {
    throw new Refusal('invalid_client', 'unreadable Authorization header')
  }
}
