// A strict relying party, written against the specifications alone: it refuses whatever a client must or should
// refuse. Its rules are in protocol-rules.ts, and in client-proof.ts how it proves itself.
import { createHash } from 'node:crypto'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import type { Reply } from '../support/identity.ts'
import { proveClient } from './client-proof.ts'
import {
  type Asked,
  base64url,
  checkTokenResponse,
  demand,
  type Expected,
  isJson,
  type Metadata,
  readCode,
  readError,
  type Send,
  verifyIdToken,
} from './protocol-rules.ts'
import type { RegisteredClient } from './registered-clients.ts'

export type Parameters = Readonly<Record<string, string | undefined>>
export type Tokens = {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly idToken: string
  readonly idClaims: JWTPayload
  /** What the person agreed to; a refresh may ask for less of it. */
  readonly grantedScope: string
  readonly body: Reply['body']
}

const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')

type Options = {
  readonly send: Send
  readonly metadata: Metadata
  readonly client: RegisteredClient
  /** The party's clock. */
  readonly nowSeconds: () => number
}

export class RelyingParty {
  readonly metadata: Metadata
  readonly #send: Send
  readonly #client: RegisteredClient
  readonly #nowSeconds: () => number

  constructor({ send, metadata, client, nowSeconds }: Options) {
    this.metadata = metadata
    this.#send = send
    this.#client = client
    this.#nowSeconds = nowSeconds
  }

  ask(parameters: Parameters = {}): Asked {
    return askWith(this.metadata, this.#client, parameters)
  }

  readCode(asked: Asked, reply: Reply): string {
    return readCode(this.metadata, asked, reply)
  }

  readError(asked: Asked, reply: Reply): string {
    return readError(this.metadata, asked, reply)
  }

  /** At the token endpoint, proved as registered; the answer is not judged. */
  async callToken(form: Readonly<Record<string, string>>): Promise<Reply> {
    const proved = await proveClient(this.metadata, this.#client, this.#nowSeconds(), form)
    return this.#send({ method: 'POST', url: String(this.metadata['token_endpoint']), ...proved })
  }

  redeemRaw(asked: Asked, code: string, changes: Parameters = {}): Promise<Reply> {
    const { redirect_uri } = asked.parameters
    const form = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: asked.verifier, ...changes }
    return this.callToken(present(form))
  }

  async redeem(asked: Asked, code: string): Promise<Tokens> {
    const { nonce, max_age: maxAge, scope } = asked.parameters
    const body = checkTokenResponse(await this.redeemRaw(asked, code), scope)
    const idToken: unknown = body['id_token']
    demand(typeof idToken === 'string', 'token response: id_token')
    const idClaims = await this.#verify(idToken, {
      nonce,
      maxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge),
      accessToken: String(body['access_token']),
    })
    return tokensOf(body, idToken, idClaims, String(body['scope'] ?? scope))
  }

  /** Refreshes and holds what comes back to what was there before. Core §12.2. */
  async refresh(before: Tokens, form: Readonly<Record<string, string>> = {}): Promise<Tokens> {
    const { refreshToken } = before
    demand(refreshToken !== undefined, 'a refresh token')
    const reply = await this.callToken({ grant_type: 'refresh_token', refresh_token: refreshToken, ...form })
    const body = checkTokenResponse(reply, form['scope'] ?? before.grantedScope)
    const idToken: unknown = body['id_token']
    if (typeof idToken !== 'string') return tokensOf(body, before.idToken, before.idClaims, before.grantedScope)
    const expected = { nonce: undefined, accessToken: String(body['access_token']), mayEcho: true }
    const claims = await this.#verify(idToken, expected)
    for (const name of ['iss', 'sub', 'auth_time'] as const) {
      demand(claims[name] === before.idClaims[name], `refreshed ID token: ${name} stays`)
    }
    return tokensOf(body, idToken, claims, before.grantedScope)
  }

  /** Core §5.3. */
  async userInfo(tokens: Tokens, how: 'get' | 'post-header' | 'post-body' = 'get'): Promise<Reply['body']> {
    const url = String(this.metadata['userinfo_endpoint'])
    const headers = { authorization: `Bearer ${tokens.accessToken}` }
    const REQUESTS = {
      get: { method: 'GET', url, headers },
      'post-header': { method: 'POST', url, headers, form: {} },
      'post-body': { method: 'POST', url, form: { access_token: tokens.accessToken } },
    } as const
    const reply = await this.#send(REQUESTS[how])
    demand(reply.status === 200, `userinfo: 200, not ${reply.status} ${reply.text}`)
    demand(isJson(reply), 'userinfo: application/json')
    demand(reply.body['sub'] === tokens.idClaims.sub, 'userinfo: sub is the ID token’s')
    return reply.body
  }

  async jwks(): Promise<JSONWebKeySet> {
    const reply = await this.#send({ method: 'GET', url: String(this.metadata['jwks_uri']) })
    demand(reply.status === 200, 'jwks_uri: 200')
    return reply.body as JSONWebKeySet
  }

  async #verify(idToken: string, expected: Expected): Promise<JWTPayload> {
    return verifyIdToken(idToken, await this.jwks(), this.metadata, this.#client, this.#nowSeconds(), expected)
  }
}

/** The metadata, as far as every client relies on it. OpenID Connect Discovery §4.3. */
export async function discover(send: Send, issuer: string): Promise<Metadata> {
  const reply = await send({ method: 'GET', url: `${issuer}/.well-known/openid-configuration` })
  demand(reply.status === 200 && isJson(reply), 'discovery: 200 and JSON')
  demand(reply.body['issuer'] === issuer, 'discovery: issuer is the one that was asked')
  return reply.body
}

function askWith(metadata: Metadata, client: RegisteredClient, changes: Parameters): Asked {
  const verifier = base64url(32)
  const parameters = present({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    scope: 'openid',
    state: base64url(12),
    nonce: base64url(12),
    code_challenge: s256(verifier),
    code_challenge_method: 'S256',
    ...changes,
  })
  return { url: `${metadata['authorization_endpoint']}?${new URLSearchParams(parameters)}`, parameters, verifier }
}

function present(parameters: Parameters): Record<string, string> {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(given)
}

function tokensOf(body: Reply['body'], idToken: string, idClaims: JWTPayload, grantedScope: string): Tokens {
  const refreshToken: unknown = body['refresh_token']
  return {
    accessToken: String(body['access_token']),
    refreshToken: refreshToken === undefined ? undefined : String(refreshToken),
    idToken,
    idClaims,
    grantedScope,
    body,
  }
}
