// A region that is operated no more is told nothing, and says nothing, but that it has erased what it was asked to.
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'
import { regionReport } from '../support/region-reports.ts'

const PROGRESS = {
  status: 'done',
  done: 0,
  total: null,
  report: { rows: 0, differing: 0, mended: 0, named: [], error: null },
}

await eachEngine(t, 'a withdrawn region carries out its orders to erase, and nothing else', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const tokens = { in: await regionToken(identity, 'in'), us: await regionToken(identity, 'us') }
  const [order, erasure] = [identity.deps.makeId(), identity.deps.makeId()]
  await ask(identity, "INSERT INTO sync_order (id, region, kind) VALUES ($1::uuid, 'in', 'compare')", [order])
  await ask(
    identity,
    "INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $1::uuid, 'in')",
    [erasure],
  )
  await ask(identity, "UPDATE region SET status = 'withdrawn' WHERE code = 'in'")
  const send = (region: 'in' | 'us', method: 'GET' | 'PUT', path: string, payload?: object) =>
    identity.inject({
      method,
      url: `/v1/regions/${region}/${path}`,
      headers: { authorization: `Bearer ${tokens[region]}` },
      ...(payload === undefined ? {} : { payload }),
    })
  const closed: readonly (readonly ['GET' | 'PUT', string, object?])[] = [
    ['GET', 'changes'],
    ['GET', 'snapshot'],
    ['GET', 'digests'],
    ['GET', 'revocations'],
    ['PUT', 'report', regionReport()],
    ['PUT', 'keys', { kids: [] }],
    ['PUT', `orders/${order}`, PROGRESS],
  ]
  for (const [method, path, payload] of closed) {
    t.match(await send('in', method, path, payload), { status: 403, body: { code: 'access_denied' } }, path)
    const elsewhere = (await send('us', method, path, payload)).status
    t.equal(elsewhere, path.startsWith('orders') ? 404 : path === 'keys' ? 204 : 200, `${path} of a region in use`)
  }
  t.match((await send('in', 'GET', 'erasures')).body, { orders: [{ id: erasure, kind: 'user' }] })
  t.equal((await send('us', 'PUT', `erasures/${erasure}`)).status, 404, "another region's order")
  t.equal((await send('in', 'PUT', `erasures/${erasure}`)).status, 204)
  t.strictSame((await send('in', 'GET', 'erasures')).body['orders'], [])
})
