// What a client may do, from its registration. Unknown is refused, and so is what the registration does not name.
import type { GrantType } from '@meridian/protocol/oauth'
import { Refusal } from '../refusal.ts'
import type { Client as StoredClient } from '../store/clients.ts'

/** A registered client, as endpoints know it. */
export type Client = StoredClient

export function assertGrantAllowed(client: Client, grantType: GrantType): void {
  if (!client.grantTypes.includes(grantType)) {
    throw new Refusal('unauthorized_client', `${client.id} is not registered for ${grantType}`)
  }
}

const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/** The scope to grant: all of the client's where none was asked for, never more. RFC 6749 §3.3. */
export function grantedScope(client: Client, wanted: string | undefined): string {
  if (wanted === undefined) return client.scopes.join(' ')
  const tokens = wanted.split(' ')
  const isAllowed = tokens.every((token) => SCOPE_TOKEN.test(token) && client.scopes.includes(token))
  if (!isAllowed) throw new Refusal('invalid_scope', 'a scope that the client is not registered for')
  return [...new Set(tokens)].join(' ')
}

/** A browser's Origin must be one of the client's own; a request without one comes from no browser page. */
export function assertOriginAllowed(client: Client, origin: string | undefined): void {
  if (origin !== undefined && !client.allowedOrigins.includes(origin)) {
    throw new Refusal('unauthorized_client', 'an origin that the client is not registered for')
  }
}
