// An authorization request, checked in the order that decides who may hear of a fault: first the client and its
// redirect URI (else nobody but the person at the browser is told), then all the rest (the client is told).
// RFC 6749 §4.1.1, RFC 9700 §2.1, OpenID Connect Core §3.1.2.2. login/authorize.ts answers it.
import {
  type AuthorizationErrorCode,
  type AuthorizationParameters,
  authorizationClientSchema,
  authorizationRequestSchema,
  type Prompt,
} from '@meridian/protocol/authorization-request'
import { type Client, grantedScope } from '../directory/client-rules.ts'
import { isRegisteredRedirectUri } from '../directory/redirect-uri.ts'
import { Refusal } from '../refusal.ts'
import { findClient } from '../store/clients.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { AuthorizationError, type ReturnAddress } from './authorization-error.ts'

/** The parameters as they arrived: a repeated one is an array. */
export type RawParameters = Readonly<Record<string, unknown>>

export type AuthorizationRequest = {
  readonly client: Client
  readonly returnAddress: ReturnAddress
  readonly scope: string
  readonly nonce: string | undefined
  readonly prompts: readonly Prompt[]
  readonly maxAgeSeconds: number | undefined
  readonly loginHint: string | undefined
  readonly idTokenHint: string | undefined
  /** What the code shall be bound to, as far as the client said it. */
  readonly resource: string | undefined
  readonly org: string | undefined
  readonly codeChallenge: string
}

/** Throws Refusal (unknown_client, bad_redirect_uri) for the error page, AuthorizationError for the client. */
export async function readAuthorizationRequest(db: IdentityDb, raw: RawParameters): Promise<AuthorizationRequest> {
  const client = await readClient(db, raw)
  const redirectUri = String(raw['redirect_uri'])
  const state = typeof raw['state'] === 'string' && raw['state'] !== '' ? raw['state'] : undefined
  const responseMode = raw['response_mode'] === 'form_post' ? 'form_post' : 'query'
  const returnAddress: ReturnAddress = { redirectUri, state, responseMode }
  const refuse = (error: AuthorizationErrorCode, description: string) =>
    new AuthorizationError(error, description, returnAddress)
  const parsed = authorizationRequestSchema.safeParse(raw)
  if (!parsed.success) {
    throw refuse('invalid_request', `${String(parsed.error.issues[0]?.path[0])}: is repeated or malformed`)
  }
  const parameters = parsed.data
  assertSupported(parameters, refuse)
  assertCodeFlow(client, parameters, refuse)
  return {
    client,
    returnAddress,
    scope: scopeOf(client, parameters.scope, refuse),
    nonce: parameters.nonce,
    prompts: parameters.prompt ?? [],
    maxAgeSeconds: parameters.max_age,
    loginHint: parameters.login_hint,
    idTokenHint: parameters.id_token_hint,
    resource: resourceOf(client, parameters, refuse),
    org: parameters.org_id?.toLowerCase(),
    codeChallenge: challengeOf(parameters, refuse),
  }
}

async function readClient(db: IdentityDb, raw: RawParameters): Promise<Client> {
  const named = authorizationClientSchema.safeParse(raw)
  if (!named.success) {
    const isClient = named.error.issues.some((issue) => issue.path[0] === 'client_id')
    throw new Refusal(isClient ? 'unknown_client' : 'bad_redirect_uri', 'missing, repeated or malformed')
  }
  const client = await findClient(db, named.data.client_id)
  if (client === undefined) throw new Refusal('unknown_client', 'no such client')
  if (!isRegisteredRedirectUri(client, named.data.redirect_uri)) {
    throw new Refusal('bad_redirect_uri', 'the redirect URI is not one that the client registered')
  }
  return client
}

type Refuse = (error: AuthorizationErrorCode, description: string) => AuthorizationError

function assertSupported(parameters: AuthorizationParameters, refuse: Refuse): void {
  if (parameters.request !== undefined) throw refuse('request_not_supported', 'request objects are not supported')
  if (parameters.request_uri !== undefined) throw refuse('request_uri_not_supported', 'request_uri is not supported')
  if (parameters.registration !== undefined) {
    throw refuse('registration_not_supported', 'registration is not supported')
  }
}

function assertCodeFlow(client: Client, parameters: AuthorizationParameters, refuse: Refuse): void {
  if (parameters.response_type === undefined) throw refuse('invalid_request', 'response_type: is missing')
  if (parameters.response_type !== 'code') throw refuse('unsupported_response_type', 'response_type: must be code')
  if (!client.grantTypes.includes('authorization_code')) {
    throw refuse('unauthorized_client', 'the client may not use authorization codes')
  }
}

function challengeOf(parameters: AuthorizationParameters, refuse: Refuse): string {
  if (parameters.code_challenge === undefined) throw refuse('invalid_request', 'code_challenge: is missing')
  // RFC 7636 §4.3: an absent method would mean "plain".
  if (parameters.code_challenge_method !== 'S256')
    throw refuse('invalid_request', 'code_challenge_method: must be S256')
  return parameters.code_challenge
}

/** OpenID Connect Core §3.1.2.1: scopes that nobody here understands are ignored beside `openid`. */
function scopeOf(client: Client, wanted: string | undefined, refuse: Refuse): string {
  const scopes = wanted?.split(' ')
  const known = scopes?.includes('openid') === true ? scopes.filter((scope) => UNDERSTOOD.has(scope)).join(' ') : wanted
  try {
    return grantedScope(client, known)
  } catch {
    throw refuse('invalid_scope', 'scope: is malformed, or more than the client is registered for')
  }
}

const UNDERSTOOD: ReadonlySet<string> = new Set(['openid', 'profile', 'email'])

/** A region's own client means its region, whether it says so or not. */
function resourceOf(client: Client, parameters: AuthorizationParameters, refuse: Refuse): string | undefined {
  const { resource } = parameters
  if (resource === undefined) return client.accountToken ? undefined : client.allowedResources[0]
  if (!client.allowedResources.some((allowed) => allowed === '*' || allowed === resource)) {
    throw refuse('invalid_target', 'resource: is not one that the client may ask for')
  }
  return resource
}
