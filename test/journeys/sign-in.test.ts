// From an address to a region token: the path that every person takes.

import { contextListSchema } from '@meridian/protocol/me'
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import {
  authorize,
  claimsOf,
  exchange,
  IN,
  ISSUER,
  redeem,
  refresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { hearOfRegions } from '../support/region-reports.ts'

type ContextBody = { org: { slug: string }; region: { code: string }; role: string; current: boolean }

t.test('sign-in', async (t) => {
  await eachEngine(
    t,
    'an address, a code and a verifier give an account token and the only context',
    async (t, place) => {
      const identity = await startIdentity(t, await place('identity'))
      const reply = await redeem(identity, await authorize(identity, 'Lin@ACME.test '))
      t.equal(reply.status, 200, reply.text)
      t.equal(reply.headers['cache-control'], 'no-store')
      const claims = claimsOf(reply.body['access_token'])
      t.match(claims, { iss: ISSUER, aud: ISSUER, client_id: 'native', amr: ['otp'], ver: 1 })
      t.notOk('org_id' in claims || 'email' in claims || 'role' in claims)
      t.match(reply.body, { token_type: 'Bearer', scope: 'openid profile email', context: { region: 'in' } })
      const contexts = await identity.get('/v1/me/contexts', reply.body['access_token'])
      t.equal(contexts.status, 200, contexts.text)
      t.ok(contextListSchema.safeParse(contexts.body).success, 'has the shape of the protocol')
      t.match(contexts.body, {
        can_switch: false,
        contexts: [{ org: { slug: 'acme' }, region: { code: 'in', audience: IN }, role: 'member' }],
      })
      const me = await identity.get('/v1/me', reply.body['access_token'])
      t.match(me.body, { user: { email: 'lin@acme.test', platform_role: null } })

      const exchanged = await exchange(identity, reply.body['access_token'], { resource: IN, org_id: 'acme' })
      t.equal(exchanged.status, 200, exchanged.text)
      t.notOk('refresh_token' in exchanged.body)
      t.match(claimsOf(exchanged.body['access_token']), {
        aud: IN,
        region: 'in',
        role: 'member',
        mv: 1,
        sid: claims['sid'],
      })

      const rotated = await refresh(identity, reply.body['refresh_token'], { resource: IN, org_id: 'acme' })
      t.equal(rotated.status, 200, rotated.text)
      t.match(claimsOf(rotated.body['access_token']), { aud: IN, role: 'member' })
      t.not(rotated.body['refresh_token'], reply.body['refresh_token'])

      const refused = await exchange(identity, reply.body['access_token'], { resource: US, org_id: 'acme' })
      t.equal(refused.status, 400)
      t.equal(refused.body['error'], 'invalid_target')
    },
  )

  await eachEngine(t, 'a person with several contexts chooses, and the choice is remembered', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const reply = await signIn(identity, 'sam@both.test')
    t.equal(reply.body['context'], null)
    const { contexts, can_switch } = (await identity.get('/v1/me/contexts', reply.body['access_token'])).body
    t.equal(can_switch, true)
    t.strictSame(
      contexts.map((c: ContextBody) => [c.org.slug, c.region.code, c.role, c.current]),
      [
        ['acme', 'in', 'member', false],
        ['globex', 'us', 'member', false],
      ],
    )
    await hearOfRegions(identity)
    const chosen = await identity.inject({
      method: 'PUT',
      url: '/v1/me/context',
      headers: { authorization: `Bearer ${reply.body['access_token']}` },
      payload: { org_id: contexts[1].org.id, region: 'us' },
    })
    t.equal(chosen.status, 204, chosen.text)
    const again = await refresh(identity, reply.body['refresh_token'])
    t.strictSame(again.body['context'], { org: contexts[1].org.id, region: 'us' })
  })

  await eachEngine(t, 'a person without a membership gets an account token and an empty list', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const reply = await signIn(identity, 'nobody@example.test')
    t.equal(reply.body['context'], null)
    const { body } = await identity.get('/v1/me/contexts', reply.body['access_token'])
    t.strictSame(body, { contexts: [], can_switch: false })
  })
})
