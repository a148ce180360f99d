// SECURITY 1.11 (A102): a slug that an organization has given up leads to it and is nobody else's, for as long as an old
// link, host or token may live; also where several want it at once.
import t, { type Test } from 'tap'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { claimsOf, type IdentityUnderTest, signIn, startIdentity } from '../support/identity.ts'
import { askAs, newOrganization, ROOT, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { ask, fire, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const DAY = 86_400
const TAKEN = { status: 409, error: 'slug_taken' }
const settings = { ...UNHURRIED, slugQuarantineSeconds: 400 * DAY }

async function start(t: Test, place?: Place, instances = 1) {
  const identity = await startIdentity(t, place ?? (await embeddedPlace('identity')), { settings, instances })
  const root = await sysAdminToAsk(identity)
  return { identity, root }
}

/** Which slugs there are and whose, and which lead to whom besides. */
async function slugsOf(identity: IdentityUnderTest) {
  const rows = await ask(
    identity,
    `SELECT slug, id::text AS org, false AS is_alias FROM organization
      UNION ALL SELECT slug, org_id::text, true FROM slug_alias WHERE kept_until > meridian_now() ORDER BY slug`,
  )
  return rows as readonly { slug: string; org: string; is_alias: boolean }[]
}

t.test('a former slug leads to its organization, and can be taken back by it alone', async (t) => {
  const { identity, root } = await start(t)
  const ada = await signInToAsk(identity, 'ada@acme.test')
  const acme = (await ada('GET', '/v1/orgs/acme')).body['id']
  const rename = (slug: string, asked = ada, org = acme) => asked('PUT', `/v1/orgs/${org}/slug`, { slug })
  t.match(await rename('acme-two'), { status: 200, body: { slug: 'acme-two', id: acme } })
  t.match((await ada('GET', '/v1/orgs/acme')).body, { slug: 'acme-two', id: acme }, 'the old name leads there')
  t.match((await ada('PATCH', '/v1/orgs/acme', { name: 'By its old name' })).status, 200)

  const max = await signInToAsk(identity, 'max@globex.test')
  await refuses(t, identity, 'another organization’s rename', () => rename('acme', max, 'globex'), TAKEN)
  await refuses(t, identity, 'a new organization', () => root('POST', '/v1/orgs', newOrganization('acme')), TAKEN)
  await refuses(t, identity, 'a sys-admin’s rename', () => rename('acme', root, 'globex'), TAKEN)
  await refuses(t, identity, 'one in use', () => rename('globex'), TAKEN)
  for (const slug of [
    'admin',
    'api',
    'www',
    'Acme',
    'a',
    '-a',
    'a--b',
    'a.b',
    'x'.repeat(41),
    'äcme',
    '',
    '1up',
    'purged-one',
  ]) {
    await refuses(t, identity, slug, () => rename(slug), { status: 400, error: 'invalid_request' })
  }
  const { headers } = await ada('GET', '/v1/orgs/acme')
  t.equal((await rename('acme-two')).headers['etag'], headers['etag'], 'the same again changes nothing')

  t.equal((await rename('acme')).status, 200, 'its own is taken back')
  t.match((await ada('GET', '/v1/orgs/acme-two')).body, { slug: 'acme', id: acme })
  await refuses(t, identity, 'now the other one is kept', () => rename('acme-two', max, 'globex'), TAKEN)
  const events = await ask(
    identity,
    `SELECT outcome, details FROM audit_event WHERE kind = 'organization.slug_changed'`,
  )
  t.equal(events.filter(({ outcome }) => outcome === 'success').length, 2)
  t.ok(
    events.some(({ outcome, details }) => outcome === 'refused' && JSON.stringify(details).includes('slug_taken')),
    'that somebody wanted another’s slug is recorded',
  )
})

t.test('an organization holds five former slugs at most, and goes on by taking one of them back', async (t) => {
  const { identity, root } = await start(t)
  const ada = await signInToAsk(identity, 'ada@acme.test')
  const acme = (await ada('GET', '/v1/orgs/acme')).body['id']
  const rename = (slug: string, asked = ada) => asked('PUT', `/v1/orgs/${acme}/slug`, { slug })
  for (const slug of ['two', 'three', 'four', 'five', 'six']) t.equal((await rename(`acme-${slug}`)).status, 200, slug)
  const tooMany = { status: 409, error: 'conflict' }
  await refuses(t, identity, 'a seventh', () => rename('acme-seven'), tooMany)
  await refuses(t, identity, 'a sys-admin’s', () => rename('acme-seven', root), tooMany)
  t.match((await rename('acme-seven')).body, { detail: /take one of them back/ })
  t.match(await rename('acme-three'), { status: 200, body: { slug: 'acme-three' } })
  t.match(await rename('acme'), { status: 200, body: { slug: 'acme' } })
  const held = (await slugsOf(identity)).filter(({ org, is_alias }) => org === acme && is_alias)
  t.strictSame(
    held.map(({ slug }) => slug),
    ['acme-five', 'acme-four', 'acme-six', 'acme-three', 'acme-two'],
    'one goes for each that comes',
  )
  await refuses(t, identity, 'still', () => rename('acme-seven'), tooMany)
  await shiftClock(identity.db, 400 * DAY + 60)
  const late = askAs(identity, (await signIn(identity, ROOT)).body['access_token'])
  t.equal((await rename('acme-seven', late)).status, 200, 'those whose time is over do not count')
})

t.test('once its time is over a slug is anybody’s, and leads to whoever has it then', async (t) => {
  const { identity, root } = await start(t)
  const acme = (await root('GET', '/v1/orgs/acme')).body['id']
  await root('PUT', '/v1/orgs/acme/slug', { slug: 'acme-two' })
  await shiftClock(identity.db, 400 * DAY - 60)
  const late = askAs(identity, (await signIn(identity, ROOT)).body['access_token'])
  await refuses(t, identity, 'a minute too early', () => late('POST', '/v1/orgs', newOrganization('acme')), TAKEN)
  await shiftClock(identity.db, 400 * DAY + 1)
  const made = await late('POST', '/v1/orgs', newOrganization('acme'))
  t.equal(made.status, 201, made.text)
  t.equal((await late('GET', '/v1/orgs/acme')).body['id'], made.body['id'])
  await refuses(
    t,
    identity,
    'too late to take back',
    () => late('PUT', `/v1/orgs/${acme}/slug`, { slug: 'acme' }),
    TAKEN,
  )
  await late('PUT', `/v1/orgs/${made.body['id']}/slug`, { slug: 'acme-three' })
  t.equal((await late('GET', '/v1/orgs/acme')).body['id'], made.body['id'], 'the alias is the later one’s')
  const aliases = async () => (await ask(identity, 'SELECT FROM slug_alias')).length
  await purgeExpired(identity.db)
  t.equal(await aliases(), 1)
  await shiftClock(identity.db, 802 * DAY)
  await purgeExpired(identity.db)
  t.equal(await aliases(), 0, 'and is forgotten once it is over')
})

t.test(
  'a suspended or deleted organization keeps its slug, and hosts of a former one are told by the table',
  async (t) => {
    const { identity, root } = await start(t)
    await root('PUT', '/v1/orgs/globex/slug', { slug: 'globex-two' })
    await root('PUT', '/v1/orgs/globex/status', { status: 'suspended' })
    for (const slug of ['globex', 'globex-two']) {
      await refuses(t, identity, slug, () => root('POST', '/v1/orgs', newOrganization(slug)), TAKEN)
    }
    await root('DELETE', '/v1/orgs/globex')
    for (const slug of ['globex', 'globex-two']) {
      await refuses(t, identity, `${slug}, deleted`, () => root('POST', '/v1/orgs', newOrganization(slug)), TAKEN)
    }
    const conflict = { status: 409, error: 'conflict' }
    const rename = () => root('PUT', '/v1/orgs/globex/slug', { slug: 'globex-three' })
    await refuses(t, identity, 'what is deleted is not renamed', rename, conflict)
  },
)

await onPostgresql(t, 'of several who want a slug at once one gets it', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'), 3)
  const token = (await signIn(identity, ROOT)).body['access_token']
  t.equal(claimsOf(token)['org_id'], undefined)
  const orgs: string[] = []
  for (const slug of ['one', 'two', 'three'])
    orgs.push((await root('POST', '/v1/orgs', newOrganization(slug))).body['id'])
  const rename = (org: string | undefined, slug: string) => (instance: { inject: IdentityUnderTest['inject'] }) =>
    askAs(instance, token)('PUT', `/v1/orgs/${org}/slug`, { slug })
  const create = (slug: string, round: number) => (instance: { inject: IdentityUnderTest['inject'] }) =>
    askAs(instance, token)('POST', '/v1/orgs', newOrganization(slug, `boss-${round}@${slug}.test`))
  for (let round = 0; round < 12; round += 1) {
    const [first, second, third] = orgs
    // An organization holds no more than a few.
    await ask(identity, 'DELETE FROM slug_alias')
    const before = await slugsOf(identity)
    const current = before.find(({ org, is_alias }) => org === first && !is_alias)?.slug ?? ''
    // The first leaves its slug, and others want exactly that one, and the one that it goes to.
    const replies = await fire(identity, [
      rename(first, `fresh-${round}`),
      rename(second, current),
      rename(third, `fresh-${round}`),
      create(current, round),
      create(`fresh-${round}`, round),
    ])
    for (const { status, text } of replies) t.ok([200, 201, 409].includes(status), text)
    t.not(replies[1]?.status, 200, 'a slug that is given up goes to nobody else')
    t.not(replies[3]?.status, 201, 'nor to a new organization')
    const winners = [replies[0], replies[2], replies[4]].filter((reply) => (reply?.status ?? 500) < 300)
    t.equal(winners.length, 1, 'and one gets the new one')
    const after = await slugsOf(identity)
    const owners = after.filter(({ slug }) => slug === current)
    t.strictSame(
      owners.map(({ org }) => org),
      [first],
      'it is still the first one’s',
    )
    const names = after.map(({ slug }) => slug)
    t.equal(new Set(names).size, names.length, 'no slug leads to two')
  }
})
