// A client that asks again and again is told to wait, and the others are not.
import t from 'tap'
import { createRation } from '../../services/identity/src/feed/ration.ts'
import { onPostgresql } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { regionToken } from '../support/region-lanes.ts'
import { regionReport } from '../support/region-reports.ts'

t.test('some at once, then at a steady rate, each client by itself', async (t) => {
  let nowMs = 5_000
  const count = createRation({ atOnce: 3, perSecond: 0.5 }, () => nowMs)
  const refused = (retryAfterSeconds: number) => ({ code: 'rate_limited', retryAfterSeconds })
  for (let time = 0; time < 3; time += 1) count('ours')
  t.throws(() => count('ours'), refused(2))
  count('theirs')
  nowMs += 1_000
  t.throws(() => count('ours'), refused(1), 'what is refused costs nothing')
  nowMs += 1_000
  count('ours')
  t.throws(() => count('ours'), refused(2))
  nowMs += 3_600_000
  for (let time = 0; time < 3; time += 1) count('ours')
  t.throws(() => count('ours'), refused(2), 'a long silence saves up nothing')
})

await onPostgresql(t, 'reports of one client are rationed', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const report = async (region: 'in' | 'us', token: string) =>
    identity.inject({
      method: 'PUT',
      url: `/v1/regions/${region}/report`,
      headers: { authorization: `Bearer ${token}` },
      payload: regionReport(),
    })
  const ours = await regionToken(identity, 'in')
  const replies = await Promise.all(Array.from({ length: 200 }, () => report('in', ours)))
  const refused = replies.filter(({ status }) => status === 429)
  t.ok(refused.length > 0)
  for (const reply of refused) t.match(reply, { body: { code: 'rate_limited' }, headers: { 'retry-after': '1' } })
  t.ok(replies.filter(({ status }) => status === 200).length >= 40)
  t.equal((await report('us', await regionToken(identity, 'us'))).status, 200, 'another client is not refused')
})
