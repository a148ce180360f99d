// Who tries doors is seen, and a flood of tries does not fill the table.
import t from 'tap'
import { eachEngine, embeddedPlace } from '../support/databases.ts'
import { basic, exchange, type IdentityUnderTest, IN, refresh, signIn, startIdentity, US } from '../support/identity.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { idOfOrg } from './chained-identity.ts'

t.setTimeout(180_000)

const refusals = (identity: IdentityUnderTest, kind = 'access.refused') =>
  ask(
    identity,
    `SELECT e.org_id::text AS org, e.outcome, e.details, u.email, e.client_id, e.session_id IS NOT NULL AS in_session,
        e.request_id
      FROM audit_event e LEFT JOIN user_account u ON u.id = e.actor_user_id WHERE e.kind = $1::text ORDER BY e.at, e.id`,
    [kind],
  )

await eachEngine(t, 'a refusal names the route, who it was, and whose door it was', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
  const [acme, globex] = [await idOfOrg(identity, 'acme'), await idOfOrg(identity, 'globex')]
  const { access_token: lin, refresh_token: rt } = (await signIn(identity, 'lin@acme.test')).body
  const reply = await identity.get('/v1/orgs/acme/audit', lin)
  await identity.get(`/v1/orgs/${globex.toUpperCase()}/audit`, lin)
  await identity.get('/v1/orgs/nowhere/audit', lin)
  await identity.get('/v1/audit', lin)
  await exchange(identity, lin, { resource: US, org_id: 'globex' })
  await refresh(identity, rt, { resource: US, org_id: globex })
  const common = { outcome: 'refused', email: 'lin@acme.test', client_id: 'native', in_session: true }
  const ofOrg = { route: 'GET /v1/orgs/:org/audit', code: 'access_denied' }
  const ofTarget = { route: 'POST /oauth/token', code: 'invalid_target', foreign_org: globex }
  const found = await refusals(identity)
  t.match(found, [
    { ...common, org: acme, details: ofOrg, request_id: reply.headers['x-request-id'] },
    { ...common, org: null, details: { ...ofOrg, foreign_org: globex } },
    { ...common, org: null, details: ofOrg },
    { ...common, org: null, details: { route: 'GET /v1/audit', code: 'access_denied' } },
    { ...common, org: null, details: ofTarget },
    { ...common, org: null, details: ofTarget },
  ])
  t.equal(found.length, 6)
  await identity.get('/v1/orgs/acme/audit')
  await identity.get('/v1/orgs/acme/audit', 'no token')
  t.equal((await refusals(identity)).length, 6, 'who is not signed in is nobody')
})

t.test('somebody who was removed is a stranger, somebody suspended is not', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const acme = await idOfOrg(identity, 'acme')
  const { access_token: lin } = (await signIn(identity, 'lin@acme.test')).body
  for (const status of ['suspended', 'removed']) {
    await ask(
      identity,
      'UPDATE membership SET status = $1::text FROM user_account u WHERE u.id = user_id AND u.email = $2::text',
      [status, 'lin@acme.test'],
    )
    await identity.get('/v1/orgs/acme/audit', lin)
  }
  t.match(await refusals(identity), [{ org: acme }, { org: null, details: { foreign_org: acme } }])
})

t.test('a client that is refused is an event, named where it is one of ours', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await identity.post('/oauth/token', { grant_type: 'client_credentials' }, basic('region-in', 'a wrong secret'))
  await identity.post('/oauth/token', { grant_type: 'client_credentials', client_id: 'canary-client' })
  await identity.post('/oauth/challenge', {
    client_id: 'third-party',
    method: 'email',
    contact: 'a@b.test',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  const found = await refusals(identity, 'client.refused')
  t.match(found, [
    { client_id: 'region-in', email: null, details: { route: 'POST /oauth/token', code: 'invalid_client' } },
    { client_id: null, details: { code: 'invalid_client' } },
    { client_id: 'third-party', details: { route: 'POST /oauth/challenge', code: 'unauthorized_client' } },
  ])
  t.notMatch(JSON.stringify(found), /canary|secret/)
})

t.test('of a flood twenty a minute are written, and how many more there were', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const { access_token: lin } = (await signIn(identity, 'lin@acme.test')).body
  const { access_token: max } = (await signIn(identity, 'max@globex.test')).body
  for (let index = 0; index < 50; index += 1) await identity.get('/v1/orgs/globex/audit', lin)
  await identity.get('/v1/orgs/acme/audit', max)
  const ofLin = async () => (await refusals(identity)).filter(({ email }) => email === 'lin@acme.test')
  t.equal((await ofLin()).length, 20)
  t.equal((await refusals(identity)).length, 21, 'who else is refused is not left out for it')
  await identity.app.close()
  const [last, ...others] = (await ofLin()).reverse()
  t.match(last, { details: { left_out: 30 }, client_id: 'native' }, 'the rest is counted when its minute is over')
  t.equal(others.length, 20)
})

t.test('a refusal is answered though it cannot be written', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { access_token: lin } = (await signIn(identity, 'lin@acme.test')).body
  await ask(identity, 'ALTER TABLE audit_event RENAME TO audit_event_away')
  t.equal((await identity.get('/v1/orgs/globex/audit', lin)).status, 403)
  t.match(identity.logText(), /a refusal was not written to the audit/)
  t.equal((await exchange(identity, lin, { resource: IN, org_id: 'globex' })).body['error'], 'invalid_target')
})
