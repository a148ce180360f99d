// A sys-admin's, a manager's and a visitor's way through the organizations' part of the API, held to its description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { changeAddress } from '../support/email-change.ts'
import { type IdentityUnderTest, idempotencyKey } from '../support/identity.ts'
import {
  type Ask,
  askAs,
  lockManagersOf,
  newOrganization,
  orgIdOf,
  ROOT,
  signInToAsk,
  sysAdminToAsk,
} from '../support/organizations.ts'
import { png } from '../support/pictures.ts'

const ORG = newOrganization('initech')
const PAGES_PER_MINUTE = 4
const STEP_UP_SECONDS = 300

t.test('organizations are provisioned, read, changed and closed as described', async (t) => {
  await walkArea(
    t,
    'Organizations',
    async (identity) => {
      const root = await sysAdminToAsk(identity)
      const ada = await signInToAsk(identity, 'ada@acme.test')
      await provision(identity, root, ada)
      await readAndChange(root, ada)
      await dress(identity, ada)
      await closeAndOpen(identity, root, ada)
      await count(root, ada)
      await shiftClock(identity.db, STEP_UP_SECONDS + 1)
      await root('PUT', '/v1/orgs/acme/status', { status: 'maintenance' })
    },
    { pageRequestsPerMinute: PAGES_PER_MINUTE, settings: { stepUpMaxAgeSeconds: STEP_UP_SECONDS } },
  )
})

async function provision(identity: IdentityUnderTest, root: Ask, ada: Ask): Promise<void> {
  const key = { 'idempotency-key': idempotencyKey() }
  await root('POST', '/v1/orgs', ORG, key)
  await root('POST', '/v1/orgs', { ...ORG, name: 'Another' }, key)
  await root('POST', '/v1/orgs', { ...ORG, slug: 'acme' })
  const umbrella = newOrganization('umbrella')
  await root('POST', '/v1/orgs', { ...umbrella, regions: ['mars'] })
  await root('POST', '/v1/orgs', { ...umbrella, modules: ['no-such-module'] })
  await root('POST', '/v1/orgs', { ...umbrella, modules: ['reports'] })
  await root('POST', '/v1/orgs', newOrganization('umbrella', ROOT))
  await changeAddress(identity, 'sam@both.test', 'sam@elsewhere.test')
  await root('POST', '/v1/orgs', newOrganization('umbrella', 'sam@both.test'))
  await ada('POST', '/v1/orgs', ORG)
  await askAs(identity, 'no token')('POST', '/v1/orgs', ORG)
  await identity.inject({ method: 'POST', url: '/v1/orgs', payload: ORG })
  await root('POST', '/v1/orgs', { ...ORG, unknown: 1 })
  await root('POST', '/v1/orgs', { ...ORG, name: 'x'.repeat(300_000) })
  await ada('POST', '/v1/orgs/acme/assets', Buffer.from('x'), { 'content-type': 'text/plain' })
  await root('GET', `/v1/orgs/${'x'.repeat(300)}`)
}

async function readAndChange(root: Ask, ada: Ask): Promise<void> {
  await root('GET', '/v1/orgs?search=ACM&status=active&limit=1')
  await root('GET', '/v1/orgs/acme')
  const { headers } = await ada('GET', '/v1/orgs/acme')
  const read = { 'if-match': String(headers['etag']) }
  await ada('PATCH', '/v1/orgs/acme', { name: 'Acme Instruments' }, read)
  await ada('PATCH', '/v1/orgs/acme', { name: 'Acme Tools' }, read)
  await ada('PATCH', '/v1/orgs/acme', { name: 'Acme Tools' }, { 'if-match': null })
  await root('PATCH', '/v1/orgs/acme', { home_region: 'us', data_placement: 'eu-1', subscription_tier: 'premium' })
  await ada('PUT', '/v1/orgs/acme/slug', { slug: 'acme-tools' })
  await root('PUT', '/v1/orgs/acme-tools/slug', { slug: 'acme' })
}

async function dress(identity: IdentityUnderTest, ada: Ask): Promise<void> {
  const added = await ada('POST', '/v1/orgs/acme/assets', png(), { 'content-type': 'image/png' })
  const { digest, url } = added.body
  await ada('GET', '/v1/orgs/acme/assets')
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding: { colour: '#1D4ED8', logo: digest }, locale: 'en-IN' } })
  await ada('DELETE', `/v1/orgs/acme/assets/${digest}`)
  await identity.get('/v1/branding?org=acme')
  await identity.get(new URL(url).pathname)
  await ada('PATCH', '/v1/orgs/acme', { settings: { branding: null } })
  await ada('DELETE', `/v1/orgs/acme/assets/${digest}`)
  await identity.get(new URL(url).pathname)
  for (let request = 0; request <= PAGES_PER_MINUTE; request += 1) await identity.get('/v1/branding?org=acme')
}

async function closeAndOpen(identity: IdentityUnderTest, root: Ask, ada: Ask): Promise<void> {
  const globex = `/v1/orgs/${await orgIdOf(identity, 'globex')}`
  await ada('GET', globex)
  await root('PUT', `${globex}/status`, { status: 'suspended' })
  await root('POST', `${globex}/first-manager`, { name: 'Eve', email: 'eve@globex.test' })
  await lockManagersOf(identity, await orgIdOf(identity, 'globex'))
  await root('PUT', `${globex}/status`, { status: 'active' })
  const key = { 'idempotency-key': idempotencyKey() }
  await root('POST', `${globex}/first-manager`, { name: 'Eve', email: 'eve@globex.test' }, key)
  await root('PUT', `${globex}/regions/in`)
  await root('PUT', `${globex}/regions/mars`)
  await root('DELETE', `${globex}/regions/in`)
  await root('DELETE', globex)
  await root('POST', `${globex}/restore`)
}

async function count(root: Ask, ada: Ask): Promise<void> {
  await root('GET', '/v1/orgs/acme/summary?live=true')
  await root('GET', '/v1/summaries?region=in')
  await ada('GET', '/v1/summaries')
}
