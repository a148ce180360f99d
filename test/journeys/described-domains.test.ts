// A domain is claimed, proved and given up, and hosts are asked about, held to the API's description.
import t from 'tap'
import { walkArea } from '../support/described-area.ts'
import { idempotencyKey, type Reply, signIn } from '../support/identity.ts'
import { ask } from '../support/races.ts'

const ALL = '/v1/orgs/acme/domains'

t.test('domains and hosts are managed and asked about as described', async (t) => {
  const walk = async (identity: Parameters<Parameters<typeof walkArea>[2]>[0]) => {
    const { access_token: ada } = (await signIn(identity, 'ada@acme.test')).body
    const { access_token: max } = (await signIn(identity, 'max@globex.test')).body
    const { access_token: lin } = (await signIn(identity, 'lin@acme.test')).body
    const send = (
      method: 'POST' | 'PUT' | 'DELETE',
      url: string,
      payload?: object,
      headers: object = {},
      token = ada,
    ) =>
      identity.inject({
        method,
        url,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(payload === undefined ? {} : { payload }),
      })
    const later = () => ask(identity, 'UPDATE organization_domain SET last_checked_at = NULL')
    const publish = ({ body }: Reply) => identity.zone.records.set(body['proof'].name, [body['proof'].value])
    const key = { 'idempotency-key': idempotencyKey() }
    const claimed = await send('POST', ALL, { domain: 'app.acme.example', region: 'in' }, key)
    const one = `${ALL}/${claimed.body['id']}`
    await send('POST', ALL, { domain: 'www.acme.example', region: 'in' }, key)
    await send('POST', ALL, { domain: 'app.acme.example', region: 'in' })
    await send('POST', ALL, { domain: 'app.in.example.test', region: 'in' })
    await send('POST', ALL, { domain: 'no domain', region: 'in' })
    await send('POST', ALL, { domain: 'x'.repeat(300_000), region: 'in' })
    await send('POST', ALL, { domain: 'x.example', region: 'in' }, { 'content-type': 'text/csv' })
    await send('POST', ALL, { domain: 'x.example', region: 'in' }, {}, lin)
    await identity.inject({ method: 'POST', url: ALL, payload: {} })
    await identity.get(`${ALL}?limit=1`, ada)
    await identity.get(ALL, 'no token')
    await identity.get(one, ada)
    await identity.get(`${ALL}/${'x'.repeat(300)}`, ada)
    await identity.get(`${ALL}/0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f`, ada)
    await send('POST', `${one}/verify`)
    await send('POST', `${one}/verify`)
    await later()
    publish(claimed)
    await send('POST', `${one}/verify`)
    const theirs = await send('POST', '/v1/orgs/globex/domains', { domain: 'app.acme.example', region: 'us' }, {}, max)
    publish(theirs)
    await send('POST', `/v1/orgs/globex/domains/${theirs.body['id']}/verify`, undefined, {}, max)
    const pending = await send('POST', ALL, { domain: 'later.acme.example', region: 'in' })
    await send('PUT', `${ALL}/${pending.body['id']}`, { is_primary: true }, { 'if-match': '*' })
    await send('PUT', one, { is_primary: true })
    await send('PUT', one, { is_primary: true }, { 'if-match': '"9"' })
    await send('PUT', one, { is_primary: true }, { 'if-match': '*' })
    for (const host of ['acme.in.example.test', 'app.acme.example', 'nobody.example']) {
      await identity.get(`/v1/hosts/resolve?host=${host}`)
      await identity.get(`/v1/hosts/tls-ask?domain=${host}`)
    }
    await identity.get('/v1/hosts/resolve')
    await send('DELETE', one, undefined, { 'if-match': '"9"' })
    await send('DELETE', one)
  }
  await walkArea(t, 'Domains', walk)
})
