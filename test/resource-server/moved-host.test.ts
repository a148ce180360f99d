// Hosts that another one has taken the place of, and organizations in maintenance, as a regional API answers there.
import { createTenantHosts } from '@meridian/resource-server/host-map'
import t, { type Test } from 'tap'
import { NEUTRAL_HOST, OTHER_TENANT_HOST, setUpApi, TENANT_HOST } from './guarded-api.ts'
import { idOf, makeClock, silentLog } from './region-issuer.ts'

const OLD = 'acme-old.in.example.com'
const CLOSED = 'closed.in.example.com'

async function setUp(t: Test) {
  const clock = makeClock()
  const org = idOf('acme')
  const hosts = createTenantHosts({
    region: 'in',
    neutralHosts: [NEUTRAL_HOST],
    loadHosts: async () =>
      ({
        region: 'in',
        hosts: [
          { host: TENANT_HOST, org_id: org, status: 'active', version: 1 },
          { host: OLD, org_id: org, status: 'active', version: 1, redirect_to: TENANT_HOST },
          { host: CLOSED, org_id: org, status: 'maintenance', version: 2 },
          { host: 'loop.in.example.com', org_id: org, redirect_to: 'LOOP.in.example.com' },
          { host: 'nowhere.in.example.com', org_id: org, redirect_to: 'evil.example/path' },
          { host: OTHER_TENANT_HOST, org_id: idOf('globex') },
        ],
      }) as never,
    store: { load: async () => null, save: async () => {} },
    nowMs: clock.nowMs,
    random: () => 0,
    schedule: () => () => {},
    log: silentLog,
  })
  await hosts.refresh()
  return setUpApi(t, { admission: { hosts, answersNotFound: false }, server: { trustProxy: '127.0.0.1' } })
}

t.test('reading is sent on, to the host of the map and the path of the request', async (t) => {
  const { get, getAs, sign, handled } = await setUp(t)
  for (const [method, url] of [
    ['GET', '/me'],
    ['HEAD', '/records?x=1&y=%2f'],
    ['GET', '//evil.example/me'],
    ['GET', '/nowhere/at/all?next=https://evil.example'],
  ] as const) {
    const answer = await get(url, { host: OLD }, method)
    t.equal(answer.statusCode, 308, `${method} ${url}`)
    t.equal(answer.headers['location'], `http://${TENANT_HOST}${url}`)
    t.equal(answer.headers['cache-control'], 'no-store')
  }
  const withPort = await get('/me', { host: `${OLD.toUpperCase()}.:4101` })
  t.equal(withPort.headers['location'], `http://${TENANT_HOST}:4101/me`)
  const behindProxy = await get('/me', { host: 'proxy', 'x-forwarded-host': OLD, 'x-forwarded-proto': 'https' })
  t.equal(behindProxy.headers['location'], `https://${TENANT_HOST}/me`)
  t.equal((await getAs(sign(), '/me', { host: OLD })).statusCode, 308, 'with a token too')
  t.strictSame(handled, [])
})

t.test('anything else is refused there with the new host, and nothing is done', async (t) => {
  const { get, sign, handled } = await setUp(t)
  for (const [method, url] of [
    ['POST', '/records'],
    ['DELETE', '/records/1'],
    ['POST', '/nowhere'],
  ] as const) {
    const answer = await get(url, { host: OLD, authorization: `Bearer ${sign()}` }, method)
    t.match(answer.json(), { status: 421, code: 'moved_host', host: TENANT_HOST }, `${method} ${url}`)
    t.equal(answer.statusCode, 421)
    t.equal(answer.headers['location'], undefined)
  }
  t.strictSame(handled, [])
})

t.test('a redirection that leads nowhere, or to itself, is an unknown host', async (t) => {
  const { get } = await setUp(t)
  for (const host of ['loop.in.example.com', 'nowhere.in.example.com', 'never.in.example.com'])
    t.match((await get('/me', { host })).json(), { status: 404, code: 'unknown_host' }, host)
})

t.test('a host in maintenance is closed to its own organization, and says so to nobody else', async (t) => {
  const { getAs, get, sign } = await setUp(t)
  t.match((await getAs(sign(), '/me', { host: CLOSED })).json(), { status: 503, code: 'tenant_maintenance' })
  t.equal((await get('/me', { host: CLOSED })).statusCode, 401)
  t.equal((await getAs(sign({ org_id: idOf('globex') }), '/me', { host: CLOSED })).statusCode, 403)
  t.equal((await getAs(sign(), '/me', { host: TENANT_HOST })).statusCode, 200)
})
