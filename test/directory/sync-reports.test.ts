// What regions report: kept, measured against the database's clock, and shown to sys-admins as it is.
import t, { type Test } from 'tap'
import { readRegionSync } from '../../services/identity/src/directory/region-health.ts'
import { writeDueCanaries } from '../../services/identity/src/directory/watch-regions.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { basic, type IdentityUnderTest, IN, signIn, startIdentity } from '../support/identity.ts'
import { askAs, orgIdOf, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { type Asker, readRound } from '../support/region-lanes.ts'
import { fetchAll, hearOfRegions, regionReport, sendReport } from '../support/region-reports.ts'

t.setTimeout(150_000)

const today = async (identity: IdentityUnderTest, daysAgo = 0): Promise<string> => {
  const [row] = await ask(identity, "SELECT ((meridian_now() AT TIME ZONE 'UTC')::date - $1::integer)::text AS day", [
    daysAgo,
  ])
  return String(row?.['day'])
}

/** As sys-admins read it, whose tokens do not live for a day. */
async function regionOf({ deps }: IdentityUnderTest, code: string) {
  const found = (await readRegionSync(deps)).regions.find(({ region }) => region === code)
  if (found === undefined) throw new Error('no such region')
  return found
}

async function start(t: Test, place: Parameters<Parameters<typeof eachEngine>[2]>[1]) {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
  return { identity, root: await sysAdminToAsk(identity) }
}

/** Of the region `in`, registered through the API. */
async function secondService(identity: IdentityUnderTest, root: Awaited<ReturnType<typeof sysAdminToAsk>>) {
  const id = 'region-in-2'
  const registered = await root('POST', '/v1/clients', {
    id,
    name: 'Region in, second',
    auth_method: 'client_secret_basic',
    region: 'in',
    allowed_resources: [IN],
    grant_types: ['client_credentials'],
    scopes: ['openid'],
  })
  const granted = await identity.post(
    '/oauth/token',
    { grant_type: 'client_credentials' },
    basic(id, String(registered.body['client_secret'])),
  )
  const token = String(granted.body['access_token'])
  const send = (method: 'GET' | 'PUT', path: string, payload?: object) =>
    identity.inject({
      method,
      url: `/v1/regions/in/${path}`,
      headers: { authorization: `Bearer ${token}` },
      ...(payload === undefined ? {} : { payload }),
    })
  return {
    get: (path: string) => send('GET', path),
    put: (path: string, payload?: object) => send('PUT', path, payload),
    report: (report: Parameters<typeof regionReport>[0]) => send('PUT', 'report', regionReport(report)),
  }
}

t.test('reports', async (t) => {
  await eachEngine(t, 'what a region says is kept and shown, its clock measured against ours', async (t, place) => {
    const { identity, root } = await start(t, place)
    t.match((await root('GET', '/v1/sync/regions')).body['regions'][0], {
      health: 'unreachable',
      followers: [],
      last_seen: null,
      alarms: [/unreachable/],
    })
    const now = new Date(Date.now() + 90_000).toISOString()
    const said = await sendReport(identity, 'in', {
      now,
      parked: 3,
      held: { organizations: 1, users: 3, memberships: 3 },
    })
    t.equal(said.status, 200, said.text)
    t.ok(Math.abs(said.body['clock_skew_ms'] - 90_000) < 20_000, `${said.body['clock_skew_ms']} ms`)
    t.ok(Math.abs(Date.parse(said.body['now']) - Date.now()) < 20_000)
    const region = await regionOf(identity, 'in')
    t.match(region, { followers: [{ client_id: 'region-in', polled_at: null, report: { parked: 3 } }] })
    t.match(region.alarms.join('; '), /its clock is [789][0-9] s ahead; region-in: 3 entries are put aside/)
    t.strictSame(region.visible, { organizations: 1, users: 3, memberships: 3 })
    const far = await sendReport(identity, 'in', { now: '9999-12-31T23:59:59.999Z' })
    t.equal(far.body['clock_skew_ms'], 2_147_483_647, 'a clock may be off by more than an integer holds')
    t.equal((await sendReport(identity, 'in', { now: '0000-01-01T00:00:00Z' })).status < 500, true)
    await shiftClock(identity.db, 61)
    t.match(await regionOf(identity, 'in'), { health: 'unreachable' })
    await shiftClock(identity.db, 86_401)
    t.strictSame((await regionOf(identity, 'in')).followers, [], 'who has not been here for a day is forgotten')
  })

  await eachEngine(
    t,
    'counts and usage: of organizations that are there, and usage of old days never goes down',
    async (t, place) => {
      const { identity, root } = await start(t, place)
      const [acme, globex] = [await orgIdOf(identity, 'acme'), await orgIdOf(identity, 'globex')]
      const [day, old, ancient] = [await today(identity), await today(identity, 31), await today(identity, 32)]
      const usage = (requests: number, refused: number, at = day, org = acme) =>
        regionReport({ usage: [{ org_id: org as never, day: at, requests, refused }] }).usage
      const counts = (members: number, org = acme) => [{ org_id: org as never, members, records: 7 }]
      const unknown = identity.deps.makeId()
      for (const tenants of [counts(3), counts(1, globex), counts(1, unknown), [...counts(2), ...counts(3)]])
        t.equal((await sendReport(identity, 'in', { tenants })).status, 200)
      t.equal((await sendReport(identity, 'in', { usage: [...usage(10, 2), ...usage(5, 1)] })).status, 200)
      for (const said of [
        usage(8, 3),
        usage(9, 1, old),
        usage(1, 2, old),
        usage(1, 0, ancient),
        usage(1, 0, '0000-01-01'),
        usage(1, 0, day, globex),
      ])
        t.equal((await sendReport(identity, 'in', { usage: said })).status, 200)
      const { body } = await root('GET', `/v1/orgs/acme/usage?from=${ancient}&to=${day}`)
      t.strictSame(body['usage'], [
        { day: old, region: 'in', requests: 9, refused: 2 },
        { day, region: 'in', requests: 8, refused: 3 },
      ])
      t.strictSame((await root('GET', `/v1/orgs/globex/usage?from=${day}&to=${day}`)).body['usage'], [])
      const summary = async () => (await root('GET', '/v1/orgs/acme/summary?live=true')).body['regions']
      t.match(await summary(), [
        { region: 'in', reported: { members: 3, records: 7, differs: false } },
        { reported: null },
      ])
      await sendReport(identity, 'in', { tenants: counts(4) })
      t.match(await summary(), [{ reported: { members: 4, differs: true } }, {}])
      const ada = await signInToAsk(identity, 'ada@acme.test')
      t.equal((await ada('GET', `/v1/orgs/acme/usage?from=${day}&to=${day}`)).body['usage'].length, 1)
      t.equal((await ada('GET', `/v1/orgs/globex/usage?from=${day}&to=${day}`)).status, 403)
      for (const query of [
        '',
        '?from=2026-01-02&to=2026-01-01',
        '?from=2024-01-01&to=2026-01-01',
        '?from=0000-01-01&to=0000-01-01',
      ])
        t.equal((await root('GET', `/v1/orgs/acme/usage${query}`)).status, 400, query)
    },
  )

  await eachEngine(
    t,
    "a number that is none, and words that move an operator's cursor, are refused",
    async (t, place) => {
      const { identity } = await start(t, place)
      const org = (await orgIdOf(identity, 'acme')) as never
      const day = await today(identity)
      const held = { organizations: 0, users: 0, memberships: 0 }
      for (const wrong of [
        { parked: 2_147_483_648 },
        { held: { ...held, users: 2_147_483_648 } },
        { behind_seconds: 1e300 },
        { tenants: [{ org_id: org, members: 2_147_483_648, records: 0 }] },
        { usage: [{ org_id: org, day, requests: 10_000_000_001, refused: 0 }] },
        { build: '\u001b[2J' },
        { build: 'a\u202eb' },
        { build: '\ud800' },
        { cursor: 'a\udc00' },
        { kids: ['\0'] },
      ])
        t.equal((await sendReport(identity, 'in', wrong)).status, 400, JSON.stringify(wrong))
      const most = { parked: 2_147_483_647, held: { ...held, users: 2_147_483_647 } }
      t.equal((await sendReport(identity, 'in', most)).status, 200)
      t.match((await regionOf(identity, 'in')).followers, [{ report: most }])
    },
  )

  await eachEngine(t, 'two services of a region add up, and each puts right its own number', async (t, place) => {
    const { identity, root } = await start(t, place)
    const second = await secondService(identity, root)
    const org = (await orgIdOf(identity, 'acme')) as never
    const [day, before, older] = [await today(identity), await today(identity, 1), await today(identity, 2)]
    const counted = (requests: number) => ({
      usage: [day, before, older].map((at) => ({ org_id: org, day: at, requests, refused: 1 })),
    })
    await sendReport(identity, 'in', counted(10_000_000_000))
    await second.report(counted(5))
    await sendReport(identity, 'in', counted(7))
    const { body } = await root('GET', `/v1/orgs/acme/usage?from=${older}&to=${day}`)
    t.strictSame(body['usage'], [
      { day: older, region: 'in', requests: 10_000_000_005, refused: 2 },
      { day: before, region: 'in', requests: 12, refused: 2 },
      { day, region: 'in', requests: 12, refused: 2 },
    ])
  })

  await eachEngine(t, "the configuration's client alone speaks for the whole region", async (t, place) => {
    const { identity, root } = await start(t, place)
    const second = await secondService(identity, root)
    const [key] = (await identity.get('/oauth/jwks')).body['keys']
    const acme = await orgIdOf(identity, 'acme')
    const tenants = [{ org_id: acme as never, members: 99, records: 0 }]
    t.equal((await second.report({ kids: [key.kid], tenants })).status, 200, 'it says how it is')
    const known = async () => [
      await ask(identity, "SELECT kid FROM region_key_report WHERE region = 'in'"),
      await ask(identity, 'SELECT members FROM tenant_report'),
    ]
    t.strictSame(await known(), [[], []], 'and nothing of the region')
    const { order } = (await root('POST', '/v1/sync/orders', { kind: 'compare', regions: ['in'] })).body['regions'][0]
    const report = { rows: 0, differing: 0, mended: 0, named: [], error: null }
    const progress = { status: 'done', done: 0, total: null, report }
    const erasure = identity.deps.makeId()
    await ask(
      identity,
      `INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $1::uuid, 'in')`,
      [erasure],
    )
    const asVoice: readonly [string, object | undefined][] = [
      ['keys', { kids: [key.kid] }],
      [`orders/${order.id}`, progress],
      [`erasures/${erasure}`, undefined],
    ]
    for (const [path, body] of asVoice)
      t.match(await second.put(path, body), { status: 403, body: { code: 'access_denied' } }, path)
    t.strictSame(await known(), [[], []])
    t.equal((await second.get('changes')).status, 200, 'it follows the feed')
    await ask(identity, "UPDATE client SET status = 'deleted' WHERE id = 'region-in'")
    for (const [path, body] of asVoice) t.equal((await second.put(path, body)).status, 204, `none other: ${path}`)
  })

  await eachEngine(t, 'which keys a region holds is what it said last', async (t, place) => {
    const { identity } = await start(t, place)
    const [key] = (await identity.get('/oauth/jwks')).body['keys']
    await sendReport(identity, 'in', { kids: [key.kid, 'unknown'] })
    const held = () => ask(identity, "SELECT kid FROM region_key_report WHERE region = 'in'")
    t.strictSame(await held(), [{ kid: key.kid }])
    await sendReport(identity, 'in')
    t.strictSame(await held(), [])
    await shiftClock(identity.db, 601)
    await sendReport(identity, 'in', { kids: [key.kid] })
    t.match((await regionOf(identity, 'in')).alarms.join(), /keys: 1 signing keys/, 'the other one is missing')
  })
})

t.test('health', async (t) => {
  await eachEngine(
    t,
    'a region is healthy, lagging or unreachable, and only then it is not switched to',
    async (t, place) => {
      const { identity } = await start(t, place)
      const health = async (code = 'in') => (await regionOf(identity, code)).health
      const { body } = await signIn(identity, 'ada@acme.test')
      const ada = askAs(identity, body['access_token'])
      const acme = await orgIdOf(identity, 'acme')
      const choose = (region = 'in') => ada('PUT', '/v1/me/context', { org_id: acme, region })
      const listed = async () =>
        (await ada('GET', '/v1/me/contexts')).body['contexts'].map(
          (context: { region: { status: string } }) => context.region.status,
        )
      t.strictSame(await listed(), ['unreachable', 'unreachable'])
      const refused = await choose()
      t.match(refused, { status: 503, body: { code: 'region_unavailable', title: 'Region temporarily unavailable' } })
      t.equal(refused.headers['retry-after'], '15')
      t.strictSame(await ask(identity, 'SELECT 1 AS one FROM client_context'), [], 'nothing is remembered')
      t.strictSame(await ask(identity, "SELECT 1 AS one FROM audit_event WHERE kind = 'context.chosen'"), [])
      const globex = await orgIdOf(identity, 'globex')
      const foreign = await ada('PUT', '/v1/me/context', { org_id: globex, region: 'us' })
      t.equal(foreign.status, 403, 'how a region is, is told to those alone who may act there')

      await fetchAll(identity, 'in')
      t.equal(await health(), 'healthy')
      t.strictSame(await listed(), ['healthy', 'unreachable'])
      t.equal((await choose()).status, 204)
      t.equal((await choose('us')).status, 503)

      await ask(identity, "UPDATE user_account SET name = 'Ada Two' WHERE email = 'ada@acme.test'")
      await shiftClock(identity.db, 59)
      t.equal(await health(), 'healthy', 'not for a minute yet')
      await shiftClock(identity.db, 62)
      await hearOfRegions(identity)
      t.equal(await health(), 'lagging', 'it is there, and has not fetched a change of a minute ago')
      t.equal((await choose()).status, 204, 'whoever lags can be worked in')
      t.match(await regionOf(identity, 'in'), { followers: [{ behind_entries: 1 }], alarms: [/lagging/] })
      await fetchAll(identity, 'in')
      t.equal(await health(), 'healthy')
      await sendReport(identity, 'in', { revocations_stale_seconds: 61 })
      t.equal(await health(), 'lagging', 'or it says so')
      await sendReport(identity, 'in', { feed_stale_seconds: 61 })
      t.equal(await health(), 'lagging')
      await sendReport(identity, 'in')
      t.equal(await health(), 'healthy')
      await hearOfRegions(identity)
      t.equal(await health('us'), 'lagging', 'what nobody follows is behind by all that there is')
    },
  )

  await eachEngine(t, "another team's service is shown, and decides nothing", async (t, place) => {
    const { identity, root } = await start(t, place)
    const second = await secondService(identity, root)
    t.equal((await second.get('changes')).status, 200)
    t.equal((await second.report({ revocations_stale_seconds: 61 })).status, 200)
    t.match(
      await regionOf(identity, 'in'),
      { health: 'unreachable', last_seen: null, followers: [{ client_id: 'region-in-2', report: {} }] },
      'that it is there says nothing of the region',
    )
    await fetchAll(identity, 'in')
    await ask(identity, "UPDATE user_account SET name = 'Ada Two' WHERE email = 'ada@acme.test'")
    await shiftClock(identity.db, 100)
    t.equal((await second.report({ revocations_stale_seconds: 61 })).status, 200)
    await shiftClock(identity.db, 120)
    await fetchAll(identity, 'in')
    const region = await regionOf(identity, 'in')
    t.equal(region.health, 'healthy', 'nor that it is behind, or old')
    t.match(region.followers, [{ client_id: 'region-in', behind_entries: 0 }, { client_id: 'region-in-2' }])
    t.ok((region.followers[1]?.behind_entries ?? 0) > 0, 'which is to be seen')
    const lane = {
      ask: async (after?: string) =>
        (await second.get(`revocations${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`)).body,
    }
    await writeDueCanaries(identity.deps)
    const { cursor } = await readRound(lane as Asker)
    await readRound(lane as Asker, cursor)
    const [canary] = await ask(identity, "SELECT known_at FROM revocation_canary WHERE region = 'in'")
    t.strictSame(canary, { known_at: null }, 'nor what revocations it knows')
  })

  await eachEngine(
    t,
    'where no client speaks for a region alone, one that has gone for good is forgotten',
    async (t, place) => {
      const { identity, root } = await start(t, place)
      await secondService(identity, root)
      await ask(identity, "UPDATE client SET source = 'api' WHERE region = 'in'")
      await fetchAll(identity, 'in')
      await fetchAll(identity, 'in', 'region-in-2')
      await ask(identity, "UPDATE user_account SET name = 'Ada Two' WHERE email = 'ada@acme.test'")
      await shiftClock(identity.db, 120)
      await fetchAll(identity, 'in')
      t.equal((await regionOf(identity, 'in')).health, 'lagging', 'the other one is behind')
      await shiftClock(identity.db, 86_500)
      await fetchAll(identity, 'in')
      t.equal((await regionOf(identity, 'in')).health, 'healthy')
    },
  )
})
