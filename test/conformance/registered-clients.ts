// The clients that the conformance modules need, one for each way of proving itself, and a second one of each kind.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { type Registry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { registry } from '../support/identity.ts'

export type RegisteredClient = {
  readonly id: string
  readonly redirectUri: string
  readonly idTokenAlg: 'ES256' | 'RS256'
  readonly proof:
    | { readonly method: 'none' }
    | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
    | { readonly method: 'private_key_jwt'; readonly privateKey: KeyObject; readonly kid: string }
}

export const RP_ORIGIN = 'https://rp.example.test'
export const REDIRECT_URI = `${RP_ORIGIN}/callback`
export const REDIRECT_URI_WITH_QUERY = `${RP_ORIGIN}/callback?foo=bar`
export const POST_LOGOUT_REDIRECT_URI = `${RP_ORIGIN}/signed-out`
export const POST_LOGOUT_REDIRECT_URI_WITH_QUERY = `${RP_ORIGIN}/signed-out?from=sso`

const client = (
  id: string,
  proof: RegisteredClient['proof'],
  idTokenAlg: RegisteredClient['idTokenAlg'] = 'RS256',
): RegisteredClient => ({ id, redirectUri: REDIRECT_URI, idTokenAlg, proof })

const secret = () => randomBytes(32).toString('base64url')
const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const otherSigning = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Secrets of these two hold what form-encoding changes (RFC 6749 §2.3.1). */
export const BASIC = client('rp-basic', { method: 'client_secret_basic', secret: `${secret()}+/%:&= é` })
export const POST = client('rp-post', { method: 'client_secret_post', secret: `${secret()}+/%:&= é` })
export const SECOND = client('rp-second', { method: 'client_secret_basic', secret: secret() })
export const ES256_CLIENT = client('rp-es256', { method: 'client_secret_basic', secret: secret() }, 'ES256')
export const PUBLIC = client('rp-public', { method: 'none' })
export const KEYED = client(
  'rp-keyed',
  { method: 'private_key_jwt', privateKey: signing.privateKey, kid: 'rp-keyed-1' },
  'ES256',
)
export const SECOND_KEYED = client(
  'rp-keyed-second',
  { method: 'private_key_jwt', privateKey: otherSigning.privateKey, kid: 'rp-keyed-second-1' },
  'ES256',
)

const publicJwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid })

function registrationOf({ id, idTokenAlg, proof }: RegisteredClient) {
  const { method } = proof
  return {
    id,
    name: `Relying party ${id}`,
    auth_method: method,
    ...(proof.method === 'client_secret_basic' || proof.method === 'client_secret_post'
      ? { client_secret_sha256: createHash('sha256').update(proof.secret).digest('base64url') }
      : {}),
    ...(proof.method === 'private_key_jwt'
      ? {
          jwks: {
            keys: [publicJwk(proof.kid === 'rp-keyed-1' ? signing.publicKey : otherSigning.publicKey, proof.kid)],
          },
        }
      : {}),
    account_token: true,
    allowed_resources: ['*'],
    redirect_uris: [REDIRECT_URI, REDIRECT_URI_WITH_QUERY],
    post_logout_redirect_uris: [POST_LOGOUT_REDIRECT_URI, POST_LOGOUT_REDIRECT_URI_WITH_QUERY],
    grant_types: ['authorization_code', 'refresh_token', ...(method === 'none' ? [] : ['client_credentials'])],
    scopes: ['openid', 'profile', 'email'],
    id_token_alg: idTokenAlg,
  }
}

const CLIENTS = [BASIC, POST, SECOND, ES256_CLIENT, PUBLIC, KEYED, SECOND_KEYED]

export const conformanceRegistry: Registry = registrySchema.parse({
  regions: registry.regions,
  clients: CLIENTS.map(registrationOf),
})
