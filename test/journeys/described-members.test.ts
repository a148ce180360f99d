// Managers and members on their way through memberships, held to the API's description.
import t from 'tap'
import { walkArea } from '../support/described-area.ts'
import { addMember, call, type Method, membershipOf, tokenOf } from '../support/members.ts'

const MEMBERS = '/v1/orgs/acme/members'
const UNKNOWN = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'

t.test('members are seen, changed and removed as described, and leave', async (t) => {
  await walkArea(t, 'Members', async (identity) => {
    await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'member' })
    const ada = await tokenOf(identity, 'ada@acme.test')
    const lin = await tokenOf(identity, 'lin@acme.test')
    const as =
      (token: string) =>
      (method: Method, url: string, payload?: object, headers = {}) =>
        call(identity, token, method, url, payload, headers)
    const [manage, own, nobody] = [as(ada), as(lin), as('no token')]
    const [{ id: adas }, { id: lins }, { id: beas }] = [
      await membershipOf(identity, 'ada@acme.test', 'acme', 'in'),
      await membershipOf(identity, 'lin@acme.test', 'acme', 'in'),
      await membershipOf(identity, 'bea@acme.test', 'acme', 'in'),
    ]
    const read = await manage('GET', `${MEMBERS}/${lins}`)
    const etag = { 'if-match': String(read.headers['etag']) }
    await manage('GET', `${MEMBERS}?limit=1&region=in&role=member&status=active&search=a`)
    await manage('GET', `${MEMBERS}?page=2`)
    await own('GET', MEMBERS)
    await nobody('GET', MEMBERS)
    await identity.get(MEMBERS)
    await identity.get(`${MEMBERS}/${'x'.repeat(300)}`, ada)
    await manage('GET', `${MEMBERS}/${UNKNOWN}`)
    await manage('PATCH', `${MEMBERS}/${lins}`, { role: 'viewer' })
    await manage('PATCH', `${MEMBERS}/${lins}`, { role: 'viewer', display_name: 'Linnea' }, etag)
    await manage('PATCH', `${MEMBERS}/${lins}`, { role: 'member' }, etag)
    await manage('PATCH', `${MEMBERS}/${adas}`, { role: 'viewer' }, { 'if-match': '*' })
    await manage('PATCH', `${MEMBERS}/${lins}`, { role: 'owner' }, { 'if-match': '*' })
    await manage('PATCH', `${MEMBERS}/${lins}`, { display_name: 'x'.repeat(300_000) }, { 'if-match': '*' })
    const asText = { 'if-match': '*', 'content-type': 'text/plain' }
    await identity.inject({
      method: 'PATCH',
      url: `${MEMBERS}/${lins}`,
      headers: { authorization: `Bearer ${ada}`, ...asText },
      payload: 'x',
    })
    await manage('DELETE', `${MEMBERS}/${beas}`, undefined, { 'if-match': '"9"' })
    await manage('DELETE', `${MEMBERS}/${beas}`)
    await manage('DELETE', `${MEMBERS}/${adas}`)
    await own('GET', '/v1/roles')
    await own('GET', '/v1/me/memberships')
    await own('PATCH', `/v1/me/memberships/${lins}`, { display_name: null })
    await own('PATCH', `/v1/me/memberships/${adas}`, { display_name: null })
    await own('DELETE', `/v1/me/memberships/${lins}`)
    await manage('DELETE', `/v1/me/memberships/${adas}`)
  })
})
