import { HOSTS_MAX, type HostMap, heldHostMapSchema } from '@meridian/protocol/hosts'
import { createTenantHosts, type StoredHostMap } from '@meridian/resource-server/host-map'
import { parseHostName } from '@meridian/resource-server/host-name'
import fc from 'fast-check'
import t from 'tap'
import { idOf, makeClock, silentLog } from './region-issuer.ts'

const DAY_SECONDS = 24 * 3600

function mapOf(hosts: Record<string, string>, region = 'in'): HostMap {
  const entries = Object.entries(hosts).map(([host, org]) => ({ host, org_id: idOf(org) }))
  return { region, hosts: entries } as unknown as HostMap
}

function setUp(stored: StoredHostMap | null = null) {
  const clock = makeClock()
  const errors: object[] = []
  const centre = { map: mapOf({ 'acme.in.example.com': 'acme' }), away: false, asked: 0 }
  const store = {
    stored,
    saves: 0,
    load: async () => store.stored,
    save: async (next: StoredHostMap) => {
      store.stored = next
      store.saves += 1
    },
  }
  const hosts = createTenantHosts({
    region: 'in',
    neutralHosts: ['API.in.example.com', 'localhost', '127.0.0.1', '[::1]'],
    loadHosts: async () => {
      centre.asked += 1
      if (centre.away) throw new Error('the centre is away')
      return centre.map
    },
    store,
    nowMs: clock.nowMs,
    random: () => 0,
    schedule: () => () => {},
    log: { ...silentLog, error: (details: object) => errors.push(details) },
  })
  return { hosts, clock, centre, store, errors }
}

t.test('a host header is one host name, or nothing', async (t) => {
  const accepted = {
    'acme.in.example.com': 'acme.in.example.com',
    'ACME.in.Example.com:4101': 'acme.in.example.com',
    'acme.in.example.com.': 'acme.in.example.com',
    'acme.in.example.com.:443': 'acme.in.example.com',
    localhost: 'localhost',
    '127.0.0.1:80': '127.0.0.1',
    '[::1]:4101': '[::1]',
    '[::FFFF:127.0.0.1]': '[::ffff:127.0.0.1]',
    'xn--bcher-kva.example': 'xn--bcher-kva.example',
  }
  for (const [header, host] of Object.entries(accepted)) t.equal(parseHostName(header), host, header)
  const refused = [
    '',
    ' ',
    ':80',
    '.',
    'acme..example.com',
    '.example.com',
    'acme.example.com..',
    'acme.example.com:',
    'acme.example.com:port',
    'acme.example.com:80:80',
    'user@acme.example.com',
    'user:pw@acme.example.com:80',
    'acme.example.com/path',
    'acme.example.com?x',
    'acme.example.com#x',
    'acme.example.com\\x',
    'acme.example.com, globex.example.com',
    'acme.example.com globex.example.com',
    ' acme.example.com',
    'acme.example.com\t',
    'acme.example.com\0',
    'acme%2eexample.com',
    '*.example.com',
    '-acme.example.com',
    'acme-.example.com',
    'b\u00fccher.example',
    'acme\u3002example.com',
    '::1',
    '[::1',
    '[acme]',
    '[::1%eth0]',
    '[]',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(127)}com`,
  ]
  for (const header of refused) t.equal(parseHostName(header), null, JSON.stringify(header))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (header) => {
      const host = parseHostName(header)
      return host === null || (host === host.toLowerCase() && parseHostName(host) === host)
    }),
    { numRuns: 2000 },
  )
})

t.test('hosts are neutral, of one organization, or unknown', async (t) => {
  const { hosts } = setUp()
  await hosts.refresh()
  t.strictSame(hosts.resolve('api.in.example.com:443'), { kind: 'neutral' })
  t.strictSame(hosts.resolve('LOCALHOST:4101'), { kind: 'neutral' })
  t.strictSame(hosts.resolve('[::1]:4101'), { kind: 'neutral' })
  t.strictSame(hosts.resolve('Acme.in.example.com.:4101'), { kind: 'tenant', orgId: idOf('acme'), status: 'active' })
  for (const host of [
    'globex.in.example.com',
    'x.acme.in.example.com',
    'in.example.com',
    'acme.in.example.com@localhost',
    '',
  ]) {
    t.strictSame(hosts.resolve(host), { kind: 'unknown' }, host)
  }
})

t.test('a host that two organizations claim is nobody’s, and other regions’ maps are not taken', async (t) => {
  const { hosts, centre } = setUp()
  const acme = mapOf({ 'acme.in.example.com': 'acme', 'shop.example.com': 'acme' })
  centre.map = { ...acme, hosts: [...acme.hosts, ...mapOf({ 'SHOP.example.com': 'globex' }).hosts] }
  await hosts.refresh()
  t.strictSame(hosts.resolve('shop.example.com'), { kind: 'unknown' })
  t.match(hosts.resolve('acme.in.example.com'), { kind: 'tenant' })
  await hosts.refresh()
  centre.map = mapOf({ 'acme.in.example.com': 'globex' }, 'us')
  await hosts.refresh()
  t.strictSame(hosts.resolve('acme.in.example.com'), { kind: 'tenant', orgId: idOf('acme'), status: 'active' })
})

t.test('without a map tenant hosts wait, and neutral hosts serve', async (t) => {
  const { hosts, centre } = setUp()
  centre.away = true
  await hosts.start()
  t.strictSame(hosts.resolve('acme.in.example.com'), { kind: 'unavailable' })
  t.strictSame(hosts.resolve('localhost'), { kind: 'neutral' })
})

t.test('a stored map serves for a day while the centre is away', async (t) => {
  const loadedAtMs = makeClock().nowMs()
  const { hosts, centre, clock } = setUp({ map: mapOf({ 'acme.in.example.com': 'acme' }), loadedAtMs })
  centre.away = true
  await hosts.start()
  t.match(hosts.resolve('acme.in.example.com'), { kind: 'tenant' })
  clock.advanceSeconds(DAY_SECONDS)
  await hosts.refresh()
  t.match(hosts.resolve('acme.in.example.com'), { kind: 'tenant' })
  clock.advanceSeconds(1)
  t.strictSame(hosts.resolve('acme.in.example.com'), { kind: 'unavailable' })
  await hosts.refresh()
  centre.away = false
  await hosts.refresh()
  t.match(hosts.resolve('acme.in.example.com'), { kind: 'tenant' })
})

t.test('unknown hosts bring one refresh in 5 s forward', async (t) => {
  const { hosts, centre, clock } = setUp()
  await hosts.refresh()
  t.equal(centre.asked, 1)
  centre.map = mapOf({ 'acme.in.example.com': 'acme', 'new.in.example.com': 'globex' })
  for (let count = 0; count < 1000; count += 1) hosts.resolve(`made-up-${count}.example.com`)
  await hosts.refresh()
  for (let count = 0; count < 1000; count += 1) hosts.resolve(`made-up-${count}.example.com`)
  t.equal(centre.asked, 2)
  t.strictSame(hosts.resolve('new.in.example.com'), { kind: 'tenant', orgId: idOf('globex'), status: 'active' })
  clock.advanceSeconds(5)
  hosts.resolve('made-up.example.com')
  t.equal(centre.asked, 3)
})

t.test('the map is stored when it changed, and once an hour for its age', async (t) => {
  const { hosts, centre, clock, store } = setUp()
  for (let minute = 0; minute < 30; minute += 1) {
    await hosts.refresh()
    clock.advanceSeconds(60)
  }
  t.equal(store.saves, 1)
  for (let minute = 0; minute < 31; minute += 1) {
    await hosts.refresh()
    clock.advanceSeconds(60)
  }
  t.equal(store.saves, 2)
  centre.map = mapOf({})
  await hosts.refresh()
  t.equal(store.saves, 3)
  t.strictSame(hosts.resolve('acme.in.example.com'), { kind: 'unknown' }, 'a host that was given up is gone at once')
})

t.test('of a map that is too long a region holds what serves, and raises an alarm', async (t) => {
  const { hosts, centre, store, errors } = setUp()
  const moved = { host: 'former.in.example.com', org_id: idOf('acme'), redirect_to: 'last.in.example.com' }
  const filler = Array.from({ length: HOSTS_MAX - 3 }, (_, at) => ({
    host: `t${at}.example.com`,
    org_id: idOf('acme'),
  }))
  const serving = mapOf({ 'first.in.example.com': 'acme', 'shop.example.com': 'acme', 'last.in.example.com': 'globex' })
  const all = [moved, ...serving.hosts.slice(0, 2), ...filler, ...serving.hosts.slice(2)]
  centre.map = heldHostMapSchema.parse({ region: 'in', hosts: all })
  await hosts.refresh()
  t.match(hosts.resolve('first.in.example.com'), { kind: 'tenant', orgId: idOf('acme') })
  t.match(hosts.resolve('last.in.example.com'), { kind: 'tenant', orgId: idOf('globex') })
  t.equal(store.stored?.map.hosts.length, HOSTS_MAX)
  t.match(errors, [{ hosts: HOSTS_MAX + 1, held: HOSTS_MAX, alarm: true }])
  t.strictSame(hosts.resolve('former.in.example.com'), { kind: 'unknown' }, 'what has moved is left out first')
  await hosts.refresh()

  const again = mapOf({ 'SHOP.example.com': 'globex' }).hosts
  centre.map = heldHostMapSchema.parse({ region: 'in', hosts: [...all, ...again] })
  await hosts.refresh()
  t.strictSame(hosts.resolve('shop.example.com'), { kind: 'unknown' }, 'what two claim is nobody’s, held or not')
  centre.map = heldHostMapSchema.parse({ region: 'in', hosts: all.slice(1) })
  errors.length = 0
  await hosts.refresh()
  t.match(hosts.resolve('shop.example.com'), { kind: 'tenant' })
  t.strictSame(errors, [], 'as many as may be are no alarm')
})

t.test('a neutral host that is none stops the start', async (t) => {
  t.throws(
    () =>
      createTenantHosts({
        region: 'in',
        neutralHosts: ['http://localhost'],
        loadHosts: () => Promise.reject(new Error('never asked')),
        store: { load: async () => null, save: async () => {} },
        nowMs: () => 0,
        random: () => 0,
        schedule: () => () => {},
        log: silentLog,
      }),
    /not a host name/,
  )
})
