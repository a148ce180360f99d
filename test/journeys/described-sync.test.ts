// A region's reports, and a sys-admin's way through the state and the orders of regions, held to their description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { type IdentityUnderTest, idempotencyKey, signIn } from '../support/identity.ts'
import { type Ask, askAs, orgIdOf, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { regionToken } from '../support/region-lanes.ts'
import { fetchAll, regionReport } from '../support/region-reports.ts'

const STEP_UP_SECONDS = 300
const TOO_MANY_REPORTS = 100
const NOTHING = { rows: 0, differing: 0, mended: 0, named: [], error: null }
const RUNNING = { status: 'running', done: 1, total: 2, report: NOTHING }

t.test('regions report, are looked at and are given orders as described', async (t) => {
  await walkArea(
    t,
    'Synchronization',
    async (identity) => {
      const root = await sysAdminToAsk(identity)
      const own = askAs(identity, await regionToken(identity, 'in'))
      await report(identity, own)
      await order(root, own)
      const lin = await signInToAsk(identity, 'lin@acme.test')
      for (const path of [
        '/v1/regions',
        '/v1/sync/regions',
        '/v1/sync/orders',
        '/v1/orgs/acme/usage?from=2026-01-01&to=2026-01-02',
      ])
        await lin('GET', path)
      await identity.get('/v1/sync/regions')
      await askAs(identity, 'no token')('GET', '/v1/sync/regions')
      await registry(identity, root)
      await shiftClock(identity.db, STEP_UP_SECONDS + 1)
      await root('POST', '/v1/sync/orders', { kind: 'compare', regions: null })
    },
    { settings: { stepUpMaxAgeSeconds: STEP_UP_SECONDS } },
  )
})

async function registry(identity: IdentityUnderTest, root: Ask): Promise<void> {
  await identity.get('/v1/regions')
  await askAs(identity, 'no token')('GET', '/v1/regions')
  await root('GET', '/v1/regions')
}

async function report(identity: IdentityUnderTest, own: Ask): Promise<void> {
  const org = (await orgIdOf(identity, 'acme')) as never
  const tenants = [{ org_id: org, members: 3, records: 1 }]
  const usage = [{ org_id: org, day: new Date().toISOString().slice(0, 10), requests: 3, refused: 1 }]
  await fetchAll(identity, 'in')
  await own('PUT', '/v1/regions/in/report', regionReport({ tenants, usage }))
  await own('PUT', '/v1/regions/us/report', regionReport())
  await own('PUT', '/v1/regions/in/report', { ...regionReport(), more: 1 })
  await own('PUT', '/v1/regions/in/report', { ...regionReport(), build: 'x'.repeat(300_000) })
  await own('PUT', '/v1/regions/in/report', Buffer.from('x'), { 'content-type': 'text/csv' })
  await own('PUT', `/v1/regions/${'x'.repeat(300)}/report`, regionReport())
  const ada = askAs(identity, (await signIn(identity, 'ada@acme.test')).body['access_token'])
  const [{ day }] = usage as [(typeof usage)[number]]
  await ada('GET', `/v1/orgs/acme/usage?from=${day}&to=${day}`)
  await Promise.all(Array.from({ length: TOO_MANY_REPORTS }, () => own('PUT', '/v1/regions/in/report', regionReport())))
}

async function order(root: Ask, own: Ask): Promise<void> {
  await root('GET', '/v1/sync/regions')
  const compare = { kind: 'compare', regions: ['in'] }
  await root('POST', '/v1/sync/orders', { ...compare, dry_run: true })
  const key = { 'idempotency-key': idempotencyKey() }
  const { body } = await root('POST', '/v1/sync/orders', compare, key)
  await root('POST', '/v1/sync/orders', { ...compare, kind: 'repair' }, key)
  await root('POST', '/v1/sync/orders', compare)
  await root('POST', '/v1/sync/orders', { ...compare, regions: ['mars'] })
  const path = `/v1/regions/in/orders/${body['regions'][0].order.id}`
  await own('PUT', path, RUNNING)
  const named = [{ kind: 'user', id: 'x', what: 'missing', held_revision: null, revision: 1 }]
  await own('PUT', path, { ...RUNNING, status: 'done', report: { ...NOTHING, rows: 1, differing: 1, named } })
  await own('PUT', path, RUNNING)
  await own('PUT', '/v1/regions/in/orders/nothing', RUNNING)
  await root('GET', '/v1/sync/orders?limit=1')
  await root('GET', `/v1/sync/orders/${body['regions'][0].order.id}`)
  await root('GET', '/v1/sync/orders/nothing')
  await root('GET', '/v1/sync/regions')
}
