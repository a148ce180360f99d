// Modules of fapi2-security-profile-final-test-plan that make sense without pushed requests and sender-constrained
// tokens, run with a client that signs assertions; README.md lists them. Its modules about PKCE and refresh tokens are
// in pkce-and-refresh.test.ts.
import type { JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import { follow } from '../support/hosted-browser.ts'
import { ISSUER, type Reply } from '../support/identity.ts'
import { assertionForm, signAssertion } from './client-proof.ts'
import { base64url } from './protocol-rules.ts'
import { flow, type Provider, pathOf, startProvider, visit } from './provider.ts'
import { KEYED, REDIRECT_URI, SECOND_KEYED } from './registered-clients.ts'
import type { Parameters, RelyingParty } from './relying-party.ts'

const provider: Provider = await startProvider(t)
const party = await provider.relyingParty(KEYED)
const other = await provider.relyingParty(SECOND_KEYED)
const nowSeconds = () => Math.floor(Date.now() / 1000)

/** How much there is to guess, measured as the suite does: bits a character, times the characters. */
function measuredBits(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  const shares = [...counts.values()].map((count) => count / text.length)
  return shares.reduce((bits, share) => bits - share * Math.log2(share), 0) * text.length
}

async function authorized(rp: RelyingParty, parameters: Parameters = {}) {
  const asked = rp.ask(parameters)
  const { reply } = await visit(provider, provider.browser(), asked)
  return { asked, code: rp.readCode(asked, reply) }
}

function isRefused(t: Test, reply: Reply, status: number, error: string): void {
  t.match({ status: reply.status, ...reply.body }, { status, error }, reply.text)
}

const userInfoUrl = String(party.metadata['userinfo_endpoint'])

t.test('fapi2-security-profile-final-happy-flow: tokens hard to guess, and not taken from an address', async (t) => {
  const { asked, code } = await authorized(party)
  const tokens = await party.redeem(asked, code)
  for (const credential of [code, tokens.accessToken, String(tokens.refreshToken)]) {
    t.ok(measuredBits(credential) >= 96)
  }
  const inQuery = await provider.send({ method: 'GET', url: `${userInfoUrl}?access_token=${tokens.accessToken}` })
  t.ok(inQuery.status === 400 || inQuery.status === 401)
  t.notOk('sub' in inQuery.body)
  t.equal((await provider.send({ method: 'GET', url: userInfoUrl })).headers['www-authenticate'], 'Bearer')
})

t.test('fapi2-security-profile-final-access-token-type-header-case-sensitivity: the scheme is any case', async (t) => {
  const { tokens } = await flow(provider, party, provider.browser())
  for (const scheme of ['bearer', 'BEARER', 'bEaReR']) {
    const headers = { authorization: `${scheme} ${tokens.accessToken}` }
    t.equal((await provider.send({ method: 'GET', url: userInfoUrl, headers })).status, 200, scheme)
  }
})

// What the client sends comes back as it is.
const ECHOES: readonly (readonly [module: string, parameters: Parameters])[] = [
  ['fapi2-security-profile-final-ensure-authorization-request-without-state-success', { state: undefined }],
  ['fapi2-security-profile-final-ensure-authorization-request-without-nonce-success', { nonce: undefined }],
  ['fapi2-security-profile-final-ensure-authorization-request-with-64-char-nonce-success', { nonce: base64url(48) }],
  ['fapi2-security-profile-final-ensure-authorization-request-with-long-nonce', { nonce: base64url(288) }],
  ['fapi2-security-profile-final-ensure-authorization-request-with-long-state', { state: base64url(288) }],
  ['fapi2-security-profile-final-ensure-other-scope-order-succeeds', { scope: 'email profile openid' }],
]
for (const [module, parameters] of ECHOES) {
  t.test(`${module}: the flow succeeds`, async (t) => {
    const { tokens } = await flow(provider, party, provider.browser(), parameters)
    t.equal(tokens.idClaims['nonce'] === undefined, 'nonce' in parameters && parameters['nonce'] === undefined)
  })
}

for (const [module, responseType] of [
  ['fapi2-security-profile-final-ensure-response-type-code-idtoken-fails', 'code id_token'],
  ['fapi2-security-profile-final-ensure-response-type-token-fails', 'token'],
] as const) {
  t.test(`${module}: the client is told`, async (t) => {
    const asked = party.ask({ response_type: responseType })
    const reply = await provider.browser().get(pathOf(asked.url))
    t.equal(party.readError(asked, reply), 'unsupported_response_type')
  })
}

t.test('fapi2-security-profile-final-user-rejects-authentication: access_denied', async (t) => {
  for (const rp of [party, other]) {
    const asked = rp.ask()
    const browser = provider.browser()
    const page = await follow(browser, await browser.get(pathOf(asked.url)))
    const cancel = /href="(\/sign-in\/cancel[^"]*)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&')
    t.equal(rp.readError(asked, await browser.get(String(cancel))), 'access_denied')
  }
})

for (const [module, redirectUri] of [
  ['fapi2-security-profile-final-ensure-registered-redirect-uri', `${REDIRECT_URI}/${base64url(6)}`],
  ['fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request', undefined],
] as const) {
  t.test(`${module}: else an error page`, async (t) => {
    const reply = await provider.browser().get(pathOf(party.ask({ redirect_uri: redirectUri }).url))
    t.equal(reply.status, 400)
    t.notOk(reply.headers['location'])
  })
}

t.test('fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client: invalid_grant', async (t) => {
  const { asked, code } = await authorized(party)
  isRefused(t, await other.redeemRaw(asked, code), 400, 'invalid_grant')
  t.ok((await party.redeem(asked, code)).idClaims.sub, 'and it is still good for its own')
})

t.test('fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second: and all ends', async (t) => {
  const { asked, code } = await authorized(party)
  const tokens = await party.redeem(asked, code)
  await provider.pass(1)
  isRefused(t, await party.redeemRaw(asked, code), 400, 'invalid_grant')
  const headers = { authorization: `Bearer ${tokens.accessToken}` }
  t.equal((await provider.send({ method: 'GET', url: userInfoUrl, headers })).status, 401)
})

t.test('fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code: after 61 s', async (t) => {
  const { asked, code } = await authorized(party)
  await provider.pass(61)
  // An assertion of now: what has expired is the code alone.
  isRefused(t, await party.redeemRaw(asked, code), 400, 'invalid_grant')
})

t.test('fapi2-security-profile-final-ensure-client-id-in-token-endpoint: another client’s id is refused', async (t) => {
  const { asked, code } = await authorized(party)
  isRefused(t, await party.redeemRaw(asked, code, { client_id: SECOND_KEYED.id }), 401, 'invalid_client')
  t.ok((await party.redeem(asked, code)).idClaims.sub)
})

t.test('fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint: no assertion, no token', async (t) => {
  const { asked, code } = await authorized(party)
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: asked.verifier }
  const url = party.metadata['token_endpoint']
  isRefused(t, await provider.send({ method: 'POST', url, form }), 401, 'invalid_client')
  const named = { ...form, client_id: KEYED.id }
  isRefused(t, await provider.send({ method: 'POST', url, form: named }), 401, 'invalid_client')
  t.ok((await party.redeem(asked, code)).idClaims.sub)
})

// A provider of its own: its clock is the machine's.
const ASSERTIONS: readonly (readonly [module: string, isGood: boolean, claims: (now: number) => JWTPayload])[] = [
  [
    'fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails',
    false,
    (now) => ({ exp: now - 300 }),
  ],
  [
    'fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails',
    false,
    () => ({ aud: 'https://other.example.test' }),
  ],
  [
    'fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails',
    false,
    () => ({ sub: undefined as unknown as string }),
  ],
  [
    'fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted',
    true,
    (now) => ({ iat: now + 8, nbf: now + 8 }),
  ],
  [
    'fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails',
    false,
    (now) => ({ iat: now + 61, nbf: now + 61, exp: now + 120 }),
  ],
]
t.test('fapi2-security-profile-final-ensure-invalid-client-assertions-fail: each way', async (t) => {
  const timely = await startProvider(t)
  for (const [module, isGood, claims] of ASSERTIONS) {
    await t.test(`${module}: ${isGood ? 'accepted' : 'invalid_client'}`, async (t) => {
      const now = nowSeconds()
      const assertion = await signAssertion(KEYED, { aud: ISSUER, ...claims(now) }, now)
      const form = { grant_type: 'client_credentials', ...assertionForm(assertion) }
      const reply = await timely.send({ method: 'POST', url: party.metadata['token_endpoint'], form })
      if (isGood) t.equal(reply.status, 200, reply.text)
      else isRefused(t, reply, 401, 'invalid_client')
    })
  }
})
