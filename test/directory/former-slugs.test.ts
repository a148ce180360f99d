// A slug that an organization gave up names it wherever a slug is taken, for as long as hosts of that name lead to it; then
// nobody, and then whoever has it. One function says so: store/organization-names.ts.
import t, { type Test } from 'tap'
import { OPERATOR } from '../../services/identity/src/directory/by-actor.ts'
import { readOrganization } from '../../services/identity/src/directory/organization-details.ts'
import { eachEngine, type Place, shiftClock } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  openBrowser,
  SPA_CALLBACK,
  signInAtPages,
} from '../support/hosted-browser.ts'
import {
  authorize,
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  type Reply,
  redeem,
  refresh,
  SPA_ORIGIN,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { askAs, newOrganization, ROOT, sysAdminToAsk } from '../support/organizations.ts'
import { UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'
import { letSupportIn } from '../support/support-access.ts'

t.setTimeout(200_000)

const DAY = 86_400
const QUARANTINE_DAYS = 400
const NO_TARGET = { status: 400, error: 'invalid_target' }
const settings = { ...UNHURRIED, slugQuarantineSeconds: QUARANTINE_DAYS * DAY }

async function start(t: Test, place: Place) {
  const identity = await startIdentity(t, place, { settings })
  const root = await sysAdminToAsk(identity)
  return { identity, root, acme: String((await root('GET', '/v1/orgs/acme')).body['id']) }
}

const tokenOf = async (identity: IdentityUnderTest, email: string) =>
  String((await signIn(identity, email)).body['access_token'])

const orgIn = ({ body }: Reply) => claimsOf(body['access_token'])['org_id']

/** Each way to name an organization where a token or a context comes of it: to its id, for Ada. */
const WAYS: Readonly<Record<string, (identity: IdentityUnderTest, org: string) => Promise<unknown>>> = {
  exchange: async (identity, org) =>
    orgIn(await exchange(identity, await tokenOf(identity, 'ada@acme.test'), { resource: IN, org_id: org })),
  refresh: async (identity, org) => {
    const { refresh_token: token } = (await signIn(identity, 'ada@acme.test')).body
    return orgIn(await refresh(identity, token, { resource: IN, org_id: org }))
  },
  'native sign-in': async (identity, org) => {
    const authorized = await authorize(identity, 'ada@acme.test', { resource: IN, org_id: org })
    return (await redeem(identity, authorized)).body['context']?.org
  },
  'sign-in at the pages': async (identity, org) => {
    const asked = authorizationUrl({ resource: IN, org_id: org })
    const browser = openBrowser(identity)
    const back = await signInAtPages(
      identity,
      browser,
      'ada@acme.test',
      await follow(browser, await browser.get(asked.url)),
    )
    const form = { client_id: 'spa', redirect_uri: SPA_CALLBACK }
    const headers = { origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() }
    const authorized = { code: String(answerOf(back)['code']), verifier: asked.verifier }
    return (await redeem(identity, authorized, form, headers)).body['context']?.org
  },
  'the mark of the context': async (identity, org) => {
    const query = new URLSearchParams({ resource: US, org_id: org })
    const { body } = await identity.get(`/v1/me/contexts?${query}`, await tokenOf(identity, 'ada@acme.test'))
    return body['contexts'].find(({ current }: { current: boolean }) => current)?.org.id
  },
  'the API': async (identity, org) =>
    (await identity.get(`/v1/orgs/${org}`, await tokenOf(identity, 'ada@acme.test'))).body['id'],
  'a command': async (identity, org) => (await readOrganization(identity.deps, OPERATOR, org)).id,
}

for (const [title, reach] of Object.entries(WAYS)) {
  await eachEngine(t, `${title} takes id, slug and former slug, in any case`, async (t, makePlace) => {
    const { identity, root, acme } = await start(t, await makePlace('identity'))
    t.equal((await root('PUT', '/v1/orgs/acme/slug', { slug: 'acme-two' })).status, 200)
    for (const name of [acme, 'acme-two', 'acme', 'ACME']) t.equal(await reach(identity, name), acme, name)
  })
}

await eachEngine(
  t,
  'a former slug names its organization in its quarantine, and nobody’s after',
  async (t, makePlace) => {
    const { identity, root, acme } = await start(t, await makePlace('identity'))
    await root('PUT', '/v1/orgs/acme/slug', { slug: 'acme-two' })
    const ada = async () => tokenOf(identity, 'ada@acme.test')
    const max = async () => tokenOf(identity, 'max@globex.test')
    const here = { resource: IN, org_id: 'acme' }
    const foreign = await max()
    await refuses(t, identity, 'somebody who is not of it', () => exchange(identity, foreign, here), NO_TARGET)
    await shiftClock(identity.db, QUARANTINE_DAYS * DAY - 60)
    t.equal(orgIn(await exchange(identity, await ada(), here)), acme, 'a minute before its time is over')
    await shiftClock(identity.db, QUARANTINE_DAYS * DAY + 1)
    const late = await ada()
    await refuses(t, identity, 'its time is over', () => exchange(identity, late, here), NO_TARGET)
    const { body } = await identity.get(`/v1/me/contexts?resource=${encodeURIComponent(IN)}&org_id=acme`, late)
    t.ok(body['contexts'].every(({ current }: { current: boolean }) => !current))

    const { access_token: rootToken } = (await signIn(identity, ROOT)).body
    const made = await askAs(identity, rootToken)('POST', '/v1/orgs', newOrganization('acme'))
    t.equal(made.status, 201)
    await refuses(t, identity, 'another organization has it', () => exchange(identity, late, here), NO_TARGET)
    t.equal(orgIn(await exchange(identity, await tokenOf(identity, 'boss@acme.test'), here)), made.body['id'])
  },
)

await eachEngine(t, 'support access takes a former slug too', async (t, makePlace) => {
  const { identity, root, acme } = await start(t, await makePlace('identity'))
  await root('PUT', '/v1/orgs/acme/slug', { slug: 'acme-two' })
  const token = await tokenOf(identity, ROOT)
  await letSupportIn(identity, token, await tokenOf(identity, 'ada@acme.test'))
  t.equal(orgIn(await exchange(identity, token, { resource: IN, org_id: 'acme' })), acme)
})
