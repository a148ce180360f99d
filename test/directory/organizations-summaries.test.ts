// How many people organizations have: counted by region, kept for a minute, counted again on demand; never who they are.
import t, { type Test } from 'tap'
import { embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { newOrganization, orgIdOf, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

async function start(t: Test, place?: Place) {
  const identity = await startIdentity(t, place ?? (await embeddedPlace('identity')), { settings: UNHURRIED })
  return { identity, root: await sysAdminToAsk(identity) }
}

const NOBODY = { managers: 0, members: 0, viewers: 0, suspended: 0, pending_invitations: 0, stale: false }

t.test('people are counted by region and role, and kept for a minute', async (t) => {
  const { identity, root } = await start(t)
  const read = async (query = '') => (await root('GET', `/v1/orgs/acme/summary${query}`)).body['regions']
  const ada = await signInToAsk(identity, 'ada@acme.test')
  const invite = async (email: string, region: string) =>
    t.equal(
      (await ada('POST', '/v1/orgs/acme/invitations', { email, roles: [{ region, role: 'member' }] })).status,
      201,
    )
  await invite('bo@acme.test', 'in')
  await invite('cy@acme.test', 'us')
  await invite('late@acme.test', 'in')
  await ask(identity, `UPDATE invitation SET expires_at = meridian_now() WHERE email = 'late@acme.test'`)
  const first = await read()
  t.match(first, [
    { ...NOBODY, region: 'in', managers: 1, members: 2, pending_invitations: 1 },
    { ...NOBODY, region: 'us', viewers: 1, pending_invitations: 1 },
  ])
  const set = (email: string, status: string, table: 'membership' | 'user_account') =>
    ask(
      identity,
      table === 'user_account'
        ? `UPDATE user_account SET status = $2::text WHERE email = $1::text`
        : `UPDATE membership SET status = $2::text WHERE user_id = (SELECT id FROM user_account WHERE email = $1::text)`,
      [email, status],
    )
  await set('lin@acme.test', 'suspended', 'membership')
  t.strictSame(await read(), first, 'kept')
  const live = await read('?live=true')
  t.match(live, [{ managers: 1, members: 1, suspended: 1 }, {}])
  await set('lin@acme.test', 'removed', 'membership')
  await set('sam@both.test', 'disabled', 'user_account')
  await shiftClock(identity.db, 61)
  t.match(await read(), [{ managers: 1, members: 0, suspended: 1 }, {}], 'counted again after a minute')
  const { administration } = (await root('GET', '/v1/orgs/acme')).body
  t.strictSame(administration['counts'], {
    managers: 1,
    members: 0,
    viewers: 1,
    suspended: 1,
    pending_invitations: 2,
  })
  const { text } = await root('GET', '/v1/summaries')
  t.notMatch(text, /@|Lin|Sam|Ada/, 'and never who they are')
  const malformed = () => root('GET', '/v1/orgs/acme/summary?live=perhaps')
  await refuses(t, identity, 'live', malformed, { status: 400, error: 'invalid_request' })
  for (const path of ['/v1/orgs/acme/summary', '/v1/summaries']) {
    await refuses(t, identity, `a manager: ${path}`, () => ada('GET', path), { status: 403, error: 'access_denied' })
  }
})

t.test('all organizations page by page, in one region or all, without those that are deleted', async (t) => {
  const { root } = await start(t)
  for (const slug of ['one', 'two', 'three']) await root('POST', '/v1/orgs', newOrganization(slug))
  await root('DELETE', '/v1/orgs/two')
  await root('PATCH', '/v1/orgs/three', { home_region: 'us' })
  const boss = { managers: 1, members: 0 }
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await root('GET', `/v1/summaries?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    for (const { org, regions } of body['summaries']) {
      seen.push(org.slug)
      if (org.slug === 'three')
        t.match(regions, [
          { region: 'in', ...boss },
          { region: 'us', ...boss },
        ])
    }
    cursor = body['next_cursor']
  }
  t.strictSame(seen, ['acme', 'globex', 'one', 'three'])
  const inIndia = (await root('GET', '/v1/summaries?region=in')).body['summaries']
  t.strictSame(
    inIndia.map(({ org, regions }: { org: { slug: string }; regions: unknown[] }) => [org.slug, regions.length]),
    [
      ['acme', 1],
      ['one', 1],
      ['three', 1],
    ],
  )
})

await onPostgresql(t, 'what cannot be counted in time is told as it was, and called stale', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'))
  const org = await orgIdOf(identity, 'globex')
  t.match((await root('GET', '/v1/orgs/globex/summary')).body, { regions: [{ managers: 1, members: 1, stale: false }] })
  await shiftClock(identity.db, 120)
  let answer = {}
  await identity.db.begin(
    async (db) => {
      const lock = { name: 'hold_summary', text: 'SELECT FROM tenant_summary WHERE org_id = $1::uuid FOR UPDATE' }
      await db.sql(lock, [org])
      answer = (await root('GET', '/v1/orgs/globex/summary?live=true')).body
    },
    { timeoutMs: 10_000 },
  )
  t.match(answer, { regions: [{ managers: 1, members: 1, stale: true }] })
  t.match((await root('GET', '/v1/orgs/globex/summary')).body, { regions: [{ stale: false }] }, 'and later again')
})
