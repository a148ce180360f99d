// The modules about PKCE and refresh tokens, of the basic plan and of fapi2-security-profile-final-test-plan (without
// its pushed authorization requests, which we do not have); README.md lists them.
import t from 'tap'
import { base64url } from './protocol-rules.ts'
import { flow, type Provider, pathOf, startProvider, visit } from './provider.ts'
import { BASIC, ES256_CLIENT, KEYED, PUBLIC, SECOND, SECOND_KEYED } from './registered-clients.ts'

const provider: Provider = await startProvider(t)
const party = await provider.relyingParty(KEYED)

t.test('oidcc-ensure-request-with-valid-pkce-succeeds: for every kind of client', async (t) => {
  for (const client of [BASIC, ES256_CLIENT, KEYED, PUBLIC]) {
    const rp = await provider.relyingParty(client)
    t.ok((await flow(provider, rp, provider.browser())).tokens.idClaims.sub, client.id)
  }
})

for (const [module, ours, theirs] of [
  ['oidcc-refresh-token', BASIC, SECOND],
  ['fapi2-security-profile-final-refresh-token', KEYED, SECOND_KEYED],
] as const) {
  t.test(`${module}: a refresh token works, for its own client alone`, async (t) => {
    const rp = await provider.relyingParty(ours)
    const other = await provider.relyingParty(theirs)
    const { tokens } = await flow(provider, rp, provider.browser())
    const own = await flow(provider, other, provider.browser())
    const stolen = await other.callToken({ grant_type: 'refresh_token', refresh_token: String(tokens.refreshToken) })
    t.match({ status: stolen.status, ...stolen.body }, { status: 400, error: 'invalid_grant' })
    const second = await rp.refresh(tokens)
    t.not(second.accessToken, tokens.accessToken)
    const third = await rp.refresh(second)
    t.equal((await rp.userInfo(third))['sub'], tokens.idClaims.sub)
    t.ok((await other.refresh(own.tokens)).accessToken, 'and the other client’s works for it')
    const unproved = await provider.send({
      method: 'POST',
      url: rp.metadata['token_endpoint'],
      form: { grant_type: 'refresh_token', client_id: ours.id, refresh_token: String(third.refreshToken) },
    })
    t.match({ status: unproved.status, ...unproved.body }, { status: 401, error: 'invalid_client' })
    t.ok((await rp.refresh(third)).accessToken, 'and nothing was lost by that')
  })
}

t.test('oidcc-client-test-refresh-token: a refresh may narrow the scope, and never widens it', async (t) => {
  const { tokens } = await flow(provider, party, provider.browser(), { scope: 'openid email' })
  const narrowed = await party.refresh(tokens, { scope: 'openid' })
  t.strictSame(Object.keys(await party.userInfo(narrowed)), ['sub'])
  const widened = { grant_type: 'refresh_token', refresh_token: String(narrowed.refreshToken), scope: 'openid profile' }
  t.match((await party.callToken(widened)).body, { error: 'invalid_scope' })
  t.equal((await party.userInfo(await party.refresh(narrowed)))['email'], 'lin@acme.test', 'what was granted stays')
})

t.test('fapi2-security-profile-final-par-ensure-pkce-required: no request without a challenge', async (t) => {
  for (const client of [BASIC, KEYED, PUBLIC]) {
    const rp = await provider.relyingParty(client)
    for (const missing of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge: undefined },
    ]) {
      const asked = rp.ask(missing)
      t.equal(rp.readError(asked, await provider.browser().get(pathOf(asked.url))), 'invalid_request')
    }
  }
})

t.test('fapi2-security-profile-final-par-plain-pkce-rejected: only S256, said or not', async (t) => {
  for (const method of ['plain', undefined, 's256', 'S512']) {
    const asked = party.ask({ code_challenge_method: method })
    t.equal(
      party.readError(asked, await provider.browser().get(pathOf(asked.url))),
      'invalid_request',
      method ?? 'none',
    )
  }
})

for (const [module, verifiers] of [
  ['fapi2-security-profile-final-ensure-pkce-code-verifier-required', [undefined, '']],
  ['fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected', [base64url(32)]],
] as const) {
  t.test(`${module}: invalid_grant, and the right verifier still redeems the code`, async (t) => {
    for (const verifier of verifiers) {
      const asked = party.ask()
      const { reply } = await visit(provider, provider.browser(), asked)
      const code = party.readCode(asked, reply)
      const refused = await party.redeemRaw(asked, code, { code_verifier: verifier })
      const error = verifier === '' ? 'invalid_request' : 'invalid_grant'
      t.match({ status: refused.status, ...refused.body }, { status: 400, error })
      t.ok((await party.redeem(asked, code)).idClaims.sub)
    }
  })
}
