// A licence is set and switched within, held to the API's description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { makeSysAdmin, signIn } from '../support/identity.ts'

const ALL = '/v1/orgs/acme/entitlements'

t.test('modules are licensed, switched and read as described', async (t) => {
  const settings = { stepUpMaxAgeSeconds: 300 }
  const walk = async (identity: Parameters<Parameters<typeof walkArea>[2]>[0]) => {
    await makeSysAdmin(identity)
    const { access_token: root } = (await signIn(identity, 'root@example.test')).body
    const { access_token: ada } = (await signIn(identity, 'ada@acme.test')).body
    const put = (token: unknown, url: string, payload: object, headers: object = { 'if-match': '*' }) =>
      identity.inject({ method: 'PUT', url, payload, headers: { authorization: `Bearer ${token}`, ...headers } })
    await identity.get('/v1/modules', ada)
    await identity.get('/v1/modules')
    await identity.get('/v1/modules', 'no token')
    await put(root, ALL, { modules: ['reports'] })
    await put(root, ALL, { modules: ['teleport'] })
    await put(root, ALL, { modules: ['records', 'reports'] })
    await put(root, ALL, { modules: [] }, { 'if-match': '"1"' })
    await put(root, ALL, { modules: [] }, {})
    await put(root, ALL, { modules: 'all' })
    await put(ada, ALL, { modules: [] })
    await put(root, ALL, { modules: ['x'.repeat(300_000)] })
    await put(root, ALL, { modules: [] }, { 'if-match': '*', 'content-type': 'text/csv' })
    await identity.get(ALL, ada)
    await identity.get(ALL, root)
    await identity.get('/v1/orgs/nowhere/entitlements', root)
    await identity.get(`/v1/orgs/${'x'.repeat(300)}/entitlements`, ada)
    await identity.get('/v1/orgs/globex/entitlements', ada)
    await put(ada, `${ALL}/records`, { enabled: false })
    await put(ada, `${ALL}/reports`, { enabled: false })
    await put(ada, `${ALL}/insights`, { enabled: true })
    await shiftClock(identity.db, 400)
    await put(root, ALL, { modules: [] })
  }
  await walkArea(t, 'Modules', walk, { settings })
})
