// A client that asks for everything many times at once gets a part of it, and leaves the others theirs.
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { regionToken } from '../support/region-lanes.ts'

await eachEngine(t, 'two pages of everything are read at once, of each client', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const ours = { in: await regionToken(identity, 'in'), us: await regionToken(identity, 'us') }
  const read = (region: 'in' | 'us', what: string) => identity.get(`/v1/regions/${region}/${what}`, ours[region])
  for (const what of ['snapshot', 'digests']) {
    const asked = Array.from({ length: 10 }, () => read('in', what))
    const other = read('us', what)
    const replies = await Promise.all(asked)
    const refused = replies.filter(({ status }) => status === 429)
    t.equal(replies.filter(({ status }) => status === 200).length, 2, what)
    t.equal(refused.length, 8)
    for (const { body, headers } of refused) {
      t.match(body, { code: 'rate_limited' })
      t.equal(headers['retry-after'], '1')
    }
    t.equal((await other).status, 200, 'the other region has its own')
    t.equal((await read('in', what)).status, 200, 'and there is room again')
  }
})
