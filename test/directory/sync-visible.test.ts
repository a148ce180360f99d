// What regions should hold is counted once for all who ask within a minute.
import t from 'tap'
import { createVisibleCounts } from '../../services/identity/src/directory/visible-counts.ts'
import { eachEngine } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { sysAdminToAsk } from '../support/organizations.ts'
import { ask, UNHURRIED } from '../support/races.ts'

t.test('a count is kept for a minute, and shared while it lasts; a failure is not kept', async (t) => {
  let nowMs = 0
  const counts: PromiseWithResolvers<[]>[] = []
  const read = createVisibleCounts(
    () => {
      const count = Promise.withResolvers<[]>()
      counts.push(count)
      return count.promise
    },
    () => nowMs,
  )
  const [first, second] = [read(), read()]
  counts[0]?.resolve([])
  t.equal(await first, await second)
  nowMs = 59_999
  await read()
  t.equal(counts.length, 1)
  nowMs = 60_000
  const failed = read()
  counts[1]?.reject(new Error('it took too long'))
  await t.rejects(failed, /too long/)
  const again = read()
  counts[2]?.resolve([])
  await again
  t.equal(counts.length, 3)
})

await eachEngine(t, 'sys-admins see it as it was counted within the minute', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
  const root = await sysAdminToAsk(identity)
  const visible = async () => (await root('GET', '/v1/sync/regions')).body['regions'][0].visible
  t.strictSame(await visible(), { organizations: 1, users: 3, memberships: 3 })
  await ask(identity, "UPDATE membership SET status = 'removed' WHERE region = 'in' AND role = 'member'")
  t.strictSame(await visible(), { organizations: 1, users: 3, memberships: 3 })
})
