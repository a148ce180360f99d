// Which client is asking, and the proof of it: one method a request, the one that the client is registered for
// (RFC 6749 §2.3, RFC 8414 §2). Every endpoint that authenticates clients begins here.
import { clientIdSchema } from '@meridian/protocol/clients'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { macMatches, sha256 } from '../secrets/macs.ts'
import { type Client, findClient } from '../store/clients.ts'
import { CLIENT_ASSERTION_TYPE, subjectOf, verifyClientAssertion } from './client-assertion.ts'

/** What a request shows of its client: the form's parameters and the Authorization header. RFC 6749 §2.3.1. */
export type ClientCredentials = {
  readonly client_id?: string | undefined
  readonly client_secret?: string | undefined
  readonly client_assertion_type?: string | undefined
  readonly client_assertion?: string | undefined
  readonly authorization?: string | undefined
}

/** Throws Refusal (invalid_client), the same whether the client is unknown or its proof wrong. */
export async function authenticateClient(
  deps: Pick<Deps, 'db' | 'settings'>,
  credentials: ClientCredentials,
): Promise<Client> {
  const presented = readCredentials(credentials)
  const clientId = clientIdSchema.safeParse(presented.clientId)
  const client = clientId.success ? await findClient(deps.db, clientId.data) : undefined
  if (client === undefined) throw new Refusal('invalid_client', 'unknown client')
  const actor = { userId: null, clientId: client.id, sessionId: null }
  if (client.authMethod !== presented.method)
    throw new Refusal('invalid_client', 'another authentication method', undefined, { actor })
  switch (presented.method) {
    case 'none':
      break
    case 'private_key_jwt':
      await verifyClientAssertion(deps, client, presented.proof)
      break
    case 'client_secret_basic':
    case 'client_secret_post':
      if (client.secretHash === null || !macMatches(sha256(presented.proof), client.secretHash)) {
        throw new Refusal('invalid_client', 'wrong secret', undefined, { actor })
      }
  }
  return client
}

/** `proof` is a secret or an assertion, as the method has it. */
type Presented = { readonly clientId: string; readonly method: Client['authMethod']; readonly proof: string }

function readCredentials(credentials: ClientCredentials): Presented {
  const { client_id: clientId, client_secret: secret, authorization } = credentials
  const { client_assertion: assertion, client_assertion_type: assertionType } = credentials
  const hasAssertion = assertion !== undefined || assertionType !== undefined
  if ([authorization !== undefined, secret !== undefined, hasAssertion].filter(Boolean).length > 1) {
    throw new Refusal('invalid_request', 'two authentication methods', 'client_secret: given twice, or in two ways')
  }
  if (hasAssertion) return readAssertion(clientId, assertionType, assertion)
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (clientId !== undefined && clientId !== basic.clientId) throw new Refusal('invalid_client', 'two client ids')
    return { clientId: basic.clientId, proof: basic.secret, method: 'client_secret_basic' }
  }
  if (clientId === undefined) throw new Refusal('invalid_client', 'no client id')
  if (secret !== undefined) return { clientId, proof: secret, method: 'client_secret_post' }
  return { clientId, proof: '', method: 'none' }
}

/** RFC 7521 §4.2. */
function readAssertion(
  clientId: string | undefined,
  type: string | undefined,
  assertion: string | undefined,
): Presented {
  if (assertion === undefined || type === undefined) {
    throw new Refusal('invalid_request', 'half an assertion', 'client_assertion: goes with client_assertion_type')
  }
  if (type !== CLIENT_ASSERTION_TYPE) throw new Refusal('invalid_client', 'another type of assertion')
  const subject = subjectOf(assertion)
  if (clientId !== undefined && clientId !== subject) throw new Refusal('invalid_client', 'two client ids')
  return { clientId: subject, proof: assertion, method: 'private_key_jwt' }
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
