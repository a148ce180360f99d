// A region that the configuration no longer names learns nothing more, and may still say what it has erased.
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'
import { regionReport } from '../support/region-reports.ts'

await eachEngine(t, "a withdrawn region's client may erase, and nothing else", async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const headers = { authorization: `Bearer ${await regionToken(identity, 'in')}` }
  const order = identity.deps.makeId()
  const text = "INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $2::uuid, 'in')"
  await ask(identity, text, [order, identity.deps.makeId()])
  const send = async (method: 'GET' | 'PUT', path: string, payload?: object) => {
    const url = `/v1/regions/in/${path}`
    return (await identity.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })).status
  }
  const others = async () => [
    await send('GET', 'revocations'),
    await send('GET', 'changes'),
    await send('GET', 'snapshot'),
    await send('GET', 'digests'),
    await send('GET', 'hosts'),
    await send('PUT', 'keys', { kids: [] }),
    await send('PUT', 'report', regionReport()),
    await send('PUT', `orders/${order}`, {}),
  ]
  t.notOk((await others()).includes(403))
  await ask(identity, "UPDATE region SET status = 'withdrawn' WHERE code = 'in'")

  t.strictSame(await others(), Array(8).fill(403))
  t.equal(await send('GET', 'erasures'), 200)
  t.equal(await send('PUT', `erasures/${order}`), 204)
})
