// The module of oidcc-config-certification-test-plan; README.md lists it. OpenID Connect Discovery §3, RFC 8414 §2.
import t from 'tap'
import { ISSUER } from '../support/identity.ts'
import { type Provider, startProvider } from './provider.ts'
import { discover } from './relying-party.ts'

const provider: Provider = await startProvider(t)
const metadata = await discover(provider.send, ISSUER)

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

t.test('oidcc-discovery-endpoint-verification: the document holds what the specifications require', async (t) => {
  const url = `${ISSUER}/.well-known/openid-configuration`
  const reply = await provider.send({ method: 'GET', url })
  t.equal(reply.status, 200)
  t.match(reply.headers['content-type'], /^application\/json/)
  const issuer = new URL(metadata['issuer'])
  t.equal(url, `${metadata['issuer']}/.well-known/openid-configuration`)
  t.equal(issuer.protocol, 'https:')
  t.equal(issuer.search + issuer.hash, '')
  const other = await provider.send({ method: 'GET', url: `${ISSUER}/.well-known/oauth-authorization-server` })
  t.strictSame(other.body, reply.body, 'RFC 8414: the same at its own address')

  await t.test('every endpoint is https, without a fragment, and answers', async (t) => {
    const names = Object.keys(metadata).filter((name) => /_(endpoint|uri)$/.test(name))
    t.ok(names.length >= 8, names.join(' '))
    for (const required of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri']) {
      t.ok(names.includes(required), required)
    }
    for (const name of names) {
      const endpoint = new URL(metadata[name])
      t.equal(endpoint.protocol, 'https:', name)
      t.equal(endpoint.hash, '', name)
      const post = { method: 'POST', url: metadata[name], form: {} } as const
      const answer = await provider.send(name === 'jwks_uri' ? { method: 'GET', url: metadata[name] } : post)
      t.not(answer.status, 404, name)
    }
  })

  await t.test('what is supported is listed, and is supported by the specifications', async (t) => {
    t.strictSame(metadata['response_types_supported'], ['code'])
    t.ok(metadata['grant_types_supported'].includes('authorization_code'))
    t.strictSame(metadata['subject_types_supported'], ['public'])
    t.ok(metadata['id_token_signing_alg_values_supported'].includes('RS256'))
    t.notOk(metadata['id_token_signing_alg_values_supported'].includes('none'))
    t.strictSame(metadata['code_challenge_methods_supported'], ['S256'])
    t.ok(metadata['scopes_supported'].includes('openid'))
    for (const scope of metadata['scopes_supported']) t.match(scope, /^[\x21\x23-\x5B\x5D-\x7E]+$/)
    for (const claim of ['sub', 'iss', 'aud', 'exp', 'iat']) t.ok(metadata['claims_supported'].includes(claim), claim)
    for (const name of ['request_parameter_supported', 'request_uri_parameter_supported']) {
      t.equal(metadata[name], false, `${name}: said, because request_uri counts as supported where nothing is said`)
    }
    t.equal(metadata['claims_parameter_supported'], false)
    t.equal(metadata['authorization_response_iss_parameter_supported'], true)
    t.notOk('registration_endpoint' in metadata, 'clients are registered by operators and sys-admins')
    for (const method of ['client_secret_basic', 'client_secret_post', 'private_key_jwt']) {
      t.ok(metadata['token_endpoint_auth_methods_supported'].includes(method), method)
    }
    t.notOk(metadata['token_endpoint_auth_signing_alg_values_supported'].includes('none'))
  })

  await t.test('the key set holds public signature keys alone, each under a name of its own', async (t) => {
    const { body } = await provider.send({ method: 'GET', url: metadata['jwks_uri'] })
    const keys: readonly Record<string, unknown>[] = body['keys']
    t.equal(new Set(keys.map((key) => key['kid'])).size, keys.length)
    const algorithms = keys.map((key) => key['alg'])
    for (const alg of metadata['id_token_signing_alg_values_supported']) t.ok(algorithms.includes(alg), alg)
    for (const key of keys) {
      t.equal(key['use'], 'sig')
      t.ok(key['kty'] === 'RSA' || key['kty'] === 'EC', 'asymmetric')
      for (const member of PRIVATE_MEMBERS) t.notOk(member in key, `no private member ${member}`)
    }
  })
})
