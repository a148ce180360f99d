// What the configuration no longer names stops working, and does not come back to life by being named again.
import t from 'tap'
import { configurationSchema } from '../../services/identity/src/config.ts'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { eachEngine } from '../support/databases.ts'
import { exchange, IN, refresh, registry, signIn, startIdentity } from '../support/identity.ts'
import { addMember } from '../support/members.ts'

t.setTimeout(100_000)

t.test('the registry', async (t) => {
  await eachEngine(t, "a deleted client's sign-ins end for good; others go on", async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const gone = (await signIn(identity, 'lin@acme.test', { client_id: 'other' })).body
    const kept = (await signIn(identity, 'ada@acme.test')).body
    const without = { ...registry, clients: registry.clients.filter((client) => client.id !== 'other') }
    await applyRegistry(identity.deps, without)
    t.match((await refresh(identity, gone['refresh_token'], { client_id: 'other' })).body, { error: 'invalid_client' })
    t.equal((await identity.get('/v1/me', gone['access_token'])).status, 401)
    await applyRegistry(identity.deps, registry)
    t.match((await refresh(identity, gone['refresh_token'], { client_id: 'other' })).body, { error: 'invalid_grant' })
    t.equal(await identity.db.prisma.revocation.count(), 1, 'regions are told')
    t.equal((await refresh(identity, kept['refresh_token'])).status, 200)
  })

  await eachEngine(t, 'a withdrawn region admits nobody until it is named again', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const { access_token: subject } = (await signIn(identity, 'lin@acme.test')).body
    const regions = registry.regions.filter((region) => region.code !== 'in')
    const clients = registry.clients.filter((client) => client.region !== 'in')
    await applyRegistry(identity.deps, { ...registry, regions, clients })
    const target = { resource: IN, org_id: 'acme' }
    t.match((await exchange(identity, subject, target)).body, { error: 'invalid_target' })
    await applyRegistry(identity.deps, registry)
    t.equal((await exchange(identity, subject, target)).status, 200)
  })

  await eachEngine(t, 'whose last manager goes with a region is named, once', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const without = (code: string) => ({
      ...registry,
      regions: registry.regions.filter((region) => region.code !== code),
      clients: registry.clients.filter((client) => client.region !== code),
    })
    t.strictSame(await applyRegistry(identity.deps, without('in')), { leftWithoutManager: ['acme'] })
    t.strictSame(await applyRegistry(identity.deps, without('in')), { leftWithoutManager: [] })
    t.strictSame(await applyRegistry(identity.deps, registry), { leftWithoutManager: [] })
    await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
    t.strictSame(await applyRegistry(identity.deps, without('in')), { leftWithoutManager: [] }, 'others manage it')
    t.strictSame(await applyRegistry(identity.deps, registry), { leftWithoutManager: [] })
    t.strictSame(await applyRegistry(identity.deps, without('us')), { leftWithoutManager: ['globex'] })
  })
})

t.test('a registry that would widen a region, or that contradicts itself, is refused', async (t) => {
  const [spa] = registry.clients.filter((client) => client.id === 'spa')
  const [regionIn] = registry.clients.filter((client) => client.region === 'in')
  const wrong: readonly (readonly [string, object])[] = [
    ['another region’s audience', { ...regionIn, allowed_resources: ['https://api.us.example.test'] }],
    ['every audience', { ...regionIn, allowed_resources: ['*'] }],
    ['account tokens for a region', { ...regionIn, account_token: true }],
    ['a public client with a secret', { ...spa, client_secret_sha256: 'A'.repeat(43) }],
    ['a confidential client without one', { ...regionIn, client_secret_sha256: undefined }],
    ['cookies for no origin', { ...spa, allowed_origins: [] }],
    ['an origin with a path', { ...spa, allowed_origins: ['https://app.example.test/x'] }],
    ['an unknown member', { ...spa, admin: true }],
    ['an unknown grant', { ...spa, grant_types: ['password'] }],
  ]
  t.ok(registrySchema.safeParse({ ...registry, clients: [spa, regionIn] }).success)
  for (const [title, client] of wrong) {
    t.notOk(registrySchema.safeParse({ ...registry, clients: [client] }).success, title)
  }
  t.notOk(registrySchema.safeParse({ ...registry, clients: [spa, spa] }).success, 'a client named twice')
})

t.test('an issuer is a whole host: its cookies and pages have no path', async (t) => {
  const { ISSUER } = configurationSchema.shape
  for (const issuer of ['https://id.example.test', 'http://localhost:4000'])
    t.ok(ISSUER.safeParse(issuer).success, issuer)
  for (const issuer of [
    'https://id.example.test/auth',
    'https://id.example.test/',
    'id.example.test',
    'ftp://id.test',
  ]) {
    t.notOk(ISSUER.safeParse(issuer).success, issuer)
  }
})
