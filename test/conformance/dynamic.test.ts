// Modules of oidcc-dynamic-certification-test-plan that do not need clients to register themselves; README.md lists
// them.
import { generateKeyPairSync } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { runCommand } from '../../services/identity/src/cli/commands.ts'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { ISSUER } from '../support/identity.ts'
import { assertionForm, signAssertion } from './client-proof.ts'
import { flow, type Provider, pathOf, startProvider } from './provider.ts'
import {
  BASIC,
  conformanceRegistry,
  ES256_CLIENT,
  KEYED,
  REDIRECT_URI,
  REDIRECT_URI_WITH_QUERY,
} from './registered-clients.ts'

const provider: Provider = await startProvider(t)
const party = await provider.relyingParty(BASIC)

async function isErrorPage(redirectUri: string | undefined): Promise<boolean> {
  const reply = await provider.browser().get(pathOf(party.ask({ redirect_uri: redirectUri }).url))
  const isPage = String(reply.headers['content-type']).startsWith('text/html')
  return reply.status === 400 && isPage && reply.headers['location'] === undefined
}

t.test('oidcc-ensure-redirect-uri-in-authorization-request: without one there is an error page', async (t) => {
  t.ok(await isErrorPage(undefined))
  t.ok(await isErrorPage(''))
})

t.test('oidcc-redirect-uri-query-added: a query that was not registered is an error page', async (t) => {
  t.ok(await isErrorPage(`${REDIRECT_URI}?extra=1`))
  t.ok(await isErrorPage(`${REDIRECT_URI_WITH_QUERY}&extra=1`))
})

t.test('oidcc-redirect-uri-query-mismatch: another query than the registered one is an error page', async (t) => {
  t.ok(await isErrorPage(`${REDIRECT_URI}?foo=baz`))
  t.ok(await isErrorPage(`${REDIRECT_URI}?bar=foo`))
})

t.test('oidcc-redirect-uri-query-OK: a registered query is kept', async (t) => {
  const { tokens } = await flow(provider, party, provider.browser(), { redirect_uri: REDIRECT_URI_WITH_QUERY })
  t.ok(tokens.idClaims.sub)
})

t.test('oidcc-redirect-uri-regfrag: one with a fragment cannot be registered', async (t) => {
  const clients = conformanceRegistry.clients.map((client) => ({ ...client, redirect_uris: [`${REDIRECT_URI}#here`] }))
  t.equal(registrySchema.safeParse({ ...conformanceRegistry, clients }).success, false)
})

t.test('oidcc-idtoken-rs256: a client that named no algorithm gets RS256', async (t) => {
  const [first, ...others] = conformanceRegistry.clients.map(({ id_token_alg: _alg, ...client }) => client)
  const parsed = registrySchema.parse({ ...conformanceRegistry, clients: [first, ...others] })
  t.equal(parsed.clients[0]?.id_token_alg, 'RS256')
  const { tokens } = await flow(provider, party, provider.browser())
  t.equal(decodeProtectedHeader(tokens.idToken).alg, 'RS256')
})

t.test('oidcc-ensure-client-assertion-with-iss-aud-succeeds: the issuer is an audience for assertions', async (t) => {
  const assertion = await signAssertion(KEYED, { aud: ISSUER }, Math.floor(Date.now() / 1000))
  const form = { grant_type: 'client_credentials', ...assertionForm(assertion) }
  const reply = await provider.send({ method: 'POST', url: party.metadata['token_endpoint'], form })
  t.equal(reply.status, 200, reply.text)
})

t.test('oidcc-refresh-token-rp-key-rotation: a refresh token outlives the key that its client had', async (t) => {
  const before = await provider.relyingParty(KEYED)
  const { tokens } = await flow(provider, before, provider.browser())
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = 'rp-keyed-2'
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid }] }
  const clients = conformanceRegistry.clients.map((client) => (client.id === KEYED.id ? { ...client, jwks } : client))
  await applyRegistry(provider.identity, registrySchema.parse({ ...conformanceRegistry, clients }))
  const proof = { method: 'private_key_jwt', privateKey, kid } as const
  const after = await provider.relyingParty({ ...KEYED, proof })
  const form = { grant_type: 'refresh_token', refresh_token: String(tokens.refreshToken) }
  t.match(await before.callToken(form), { status: 401, body: { error: 'invalid_client' } }, 'the old key is none')
  t.ok((await after.refresh(tokens)).accessToken)
})

t.test('oidcc-server-rotate-keys: a new key is in the set, the old one is kept, both verify', async (t) => {
  for (const client of [BASIC, ES256_CLIENT]) {
    const rp = await provider.relyingParty(client)
    const browser = provider.browser()
    const before = await flow(provider, rp, browser)
    const old = (await rp.jwks()).keys.map((key) => key.kid)
    const { deps } = provider.identity
    await runCommand(deps, 'keys stage', { alg: client.idTokenAlg }, () => {})
    await provider.identity.confirmKeys()
    const staged = (await rp.jwks()).keys.map((key) => key.kid)
    t.equal(staged.length, old.length + 1, 'published before it signs')
    await provider.pass(deps.settings.keyStagedSeconds)
    await runCommand(deps, 'keys activate', { alg: client.idTokenAlg }, () => {})
    await provider.identity.confirmKeys()
    const after = await flow(provider, rp, browser)
    const kid = decodeProtectedHeader(after.tokens.idToken).kid
    t.ok(staged.includes(kid) && !old.includes(kid), 'signs with the new key')
    t.ok(
      (await rp.jwks()).keys.some((key) => key.kid === decodeProtectedHeader(before.tokens.idToken).kid),
      'keeps',
    )
  }
})
