// What is a region's own is asked for and said by its own client, while its token lasts and it is there.
import t from 'tap'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'
import { regionReport } from '../support/region-reports.ts'

const ID = '01930000-0000-7000-8000-000000000001'
const REPORT = { rows: 0, differing: 0, mended: 0, named: [], error: null }
const ROUTES: readonly (readonly [method: 'GET' | 'PUT', path: string, payload?: object])[] = [
  ['GET', 'changes'],
  ['GET', 'snapshot'],
  ['GET', 'digests'],
  ['GET', 'revocations'],
  ['GET', 'erasures'],
  ['PUT', `erasures/${ID}`],
  ['PUT', 'report', regionReport()],
  ['PUT', `orders/${ID}`, { status: 'done', done: 0, total: null, report: REPORT }],
]

await eachEngine(t, "another region's client, a token that is over and a client that is gone", async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const token = await regionToken(identity, 'in')
  const answers = async (region: string) => {
    const codes: (string | number)[] = []
    for (const [method, path, payload] of ROUTES) {
      const url = `/v1/regions/${region}/${path}`
      const headers = { authorization: `Bearer ${token}` }
      const reply = await identity.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
      codes.push(reply.status < 400 ? reply.status : `${reply.status} ${reply.body['code']}`)
    }
    return codes
  }
  await ask(identity, "INSERT INTO sync_order (id, region, kind) VALUES ($1::uuid, 'us', 'compare')", [ID])
  await ask(
    identity,
    "INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $1::uuid, 'us')",
    [ID],
  )
  const each = (code: string) => ROUTES.map(() => code)
  t.strictSame(
    await answers('in'),
    [200, 200, 200, 200, 200, '404 not_found', 200, '404 not_found'],
    "another region's orders",
  )
  for (const other of ['us', 'mars']) t.strictSame(await answers(other), each('403 access_denied'), other)
  await shiftClock(identity.db, 540)
  t.equal((await answers('in'))[0], 200)
  await shiftClock(identity.db, 601)
  t.strictSame(await answers('in'), each('401 invalid_token'), 'by the clock of the database')
  await shiftClock(identity.db, 0)
  t.equal((await answers('in'))[0], 200)
  await ask(identity, "UPDATE client SET status = 'deleted' WHERE id = 'region-in'")
  t.strictSame(await answers('in'), each('401 invalid_token'), 'of a client that is gone')
})

await eachEngine(t, 'an order to erase is acknowledged once, however often it is said', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const token = await regionToken(identity, 'in')
  const order = "INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $1::uuid, 'in')"
  await ask(identity, order, [ID])
  const acknowledge = () =>
    identity.inject({
      method: 'PUT',
      url: `/v1/regions/in/erasures/${ID}`,
      headers: { authorization: `Bearer ${token}` },
    })
  const known = async () => [
    await ask(identity, 'SELECT acknowledged_at::text FROM erasure_order'),
    await ask(identity, "SELECT details FROM audit_event WHERE kind = 'erasure.acknowledged'"),
  ]
  t.equal((await acknowledge()).status, 204)
  const first = await known()
  t.equal(first[1]?.length, 1)
  await shiftClock(identity.db, 60)
  t.equal((await acknowledge()).status, 204)
  t.strictSame(await known(), first)
})
