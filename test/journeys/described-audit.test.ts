import t from 'tap'
import { seal } from '../audit/chained-identity.ts'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { exchange, IN, makeSysAdmin, refresh, signIn } from '../support/identity.ts'

t.setTimeout(60_000)

const YEAR = 'from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z'

t.test('the audit is read and taken away as described', async (t) => {
  await walkArea(t, 'Audit', async (identity) => {
    await makeSysAdmin(identity)
    const signedIn = (await signIn(identity, 'ada@acme.test')).body
    const { access_token: manager } = signedIn
    const { access_token: root } = (await signIn(identity, 'root@example.test')).body
    const { access_token: member } = (await signIn(identity, 'lin@acme.test')).body
    await exchange(identity, manager, { resource: IN, org_id: 'acme' })
    await seal(identity)
    for (const [url, reader] of [
      ['/v1/orgs/acme/audit', manager],
      ['/v1/audit', root],
    ]) {
      await identity.get(`${url}?limit=1&kind=context&outcome=success&from=2026-01-01T00:00:00Z`, reader)
      await identity.get(`${url}/export?${YEAR}`, reader)
      await identity.get(String(url), member)
      await identity.get(String(url))
      await identity.get(String(url), 'no token')
      await identity.get(`${url}?since=yesterday`, reader)
      await identity.get(`${url}/export?from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z`, reader)
      await identity.get(`${url}/export?${YEAR}`, member)
    }
    await identity.get(`/v1/orgs/${'a'.repeat(300)}/audit`, manager)
    await shiftClock(identity.db, 601)
    const { body: renewed } = await refresh(identity, signedIn['refresh_token'])
    await identity.get(`/v1/orgs/acme/audit/export?${YEAR}`, renewed['access_token'])
  })
})
