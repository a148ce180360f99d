// What hosts lead to, held to a reference model over random organizations, aliases, domains and states: the map of each
// region and the answer to a proxy say the same, each host is one organization's, and what leads nowhere looks alike.
// Set FAST_CHECK_SEED to replay.
import { heldHostMapSchema, hostMapSchema } from '@meridian/protocol/hosts'
import fc from 'fast-check'
import t from 'tap'
import { z } from 'zod'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { eachEngine, embeddedPlace } from '../support/databases.ts'
import { basic, type IdentityUnderTest, REGION_SECRETS, registry, startIdentity } from '../support/identity.ts'
import { propertySeed } from '../support/property-seed.ts'
import { ask } from '../support/races.ts'

t.setTimeout(140_000)
const seed = propertySeed()
t.comment(`seed ${seed}`)

const BASE = 'example.test'
const REGIONS = ['in', 'us'] as const
type RegionCode = (typeof REGIONS)[number]
const suffixOf = (region: string) => `${region}.${BASE}`

type Org = {
  slug: string
  status: 'active' | 'maintenance' | 'suspended'
  home: RegionCode
  /** Where it is, and whether it still is. */
  places: Partial<Record<RegionCode, boolean>>
  aliases: { slug: string; isKept: boolean }[]
  domains: { domain: string; region: RegionCode; status: string; isPrimary: boolean }[]
}
type Leads = { slug: string; region: RegionCode; status: string; redirect: string | null; resolved: string | null }

const SLUGS = ['alfa', 'bravo', 'charlie', 'in', 'us'] as const
const ALIASES = ['delta', 'echo', 'foxtrot'] as const
const DOMAINS = ['a.test.example', 'b.test.example', 'c.test.example'] as const
const STATUSES = ['pending', 'active', 'degraded', 'disabled', 'released'] as const
const PROVED = ['active', 'degraded', 'disabled']

const worlds: fc.Arbitrary<Org[]> = fc
  .record({
    slugs: fc.uniqueArray(fc.constantFrom(...SLUGS), { minLength: 1, maxLength: 3 }),
    orgs: fc.array(
      fc.record({
        status: fc.constantFrom('active' as const, 'active' as const, 'maintenance' as const, 'suspended' as const),
        home: fc.constantFrom(...REGIONS),
        other: fc.constantFrom(undefined, true, false),
        isHome: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 3, maxLength: 3 },
    ),
    aliases: fc.array(fc.record({ owner: fc.nat(2), isKept: fc.boolean() }), { minLength: 3, maxLength: 3 }),
    ownAlias: fc.boolean(),
    domains: fc.array(
      fc.record({
        owner: fc.nat(2),
        domain: fc.constantFrom(...DOMAINS),
        region: fc.constantFrom(...REGIONS),
        status: fc.constantFrom(...STATUSES),
        isPrimary: fc.boolean(),
      }),
      { minLength: 3, maxLength: 8 },
    ),
  })
  .map(({ slugs, orgs, aliases, ownAlias, domains }) => {
    const made: Org[] = slugs.map((slug, index) => {
      const { status, home, other, isHome } = orgs[index] as (typeof orgs)[number]
      const away = home === 'in' ? 'us' : 'in'
      return {
        slug,
        status,
        home,
        places: { [home]: isHome, ...(other === undefined ? {} : { [away]: other }) },
        aliases: ownAlias && index === 0 ? [{ slug, isKept: true }] : [],
        domains: [],
      }
    })
    for (const [index, { owner, isKept }] of aliases.entries())
      made[owner]?.aliases.push({ slug: String(ALIASES[index]), isKept })
    for (const { owner, ...drawn } of domains) {
      const org = made[owner % made.length] as Org
      const domain = { ...drawn, region: org.places[drawn.region] === undefined ? org.home : drawn.region }
      const all = made.flatMap((one) => one.domains)
      if (
        PROVED.includes(domain.status) &&
        all.some((one) => one.domain === domain.domain && PROVED.includes(one.status))
      )
        continue
      if (org.domains.some((one) => one.domain === domain.domain && one.status !== 'released')) continue
      const isPrimary =
        domain.isPrimary &&
        PROVED.includes(domain.status) &&
        !org.domains.some((one) => one.region === domain.region && one.isPrimary)
      org.domains.push({ ...domain, isPrimary })
    }
    return made
  })

/** The model: every way to name a host, in the order in which they count. */
function modelOf(orgs: readonly Org[]): Map<string, Leads> {
  const ways: [precedence: number, host: string, leads: Leads][] = []
  for (const { slug, status, home, places, aliases, domains } of orgs.filter((org) => org.status !== 'suspended')) {
    for (const region of REGIONS.filter((code) => places[code] === true)) {
      const tenantHost = `${slug}.${suffixOf(region)}`
      const served = domains.filter((one) => one.region === region && ['active', 'degraded'].includes(one.status))
      const primary = served.find((one) => one.isPrimary)?.domain ?? null
      const add = (precedence: number, host: string, redirect: string | null) => {
        const wanted = primary ?? redirect ?? host
        ways.push([precedence, host, { slug, region, status, redirect, resolved: wanted === host ? null : wanted }])
      }
      for (const { domain } of served) add(1, domain, null)
      const old = aliases.filter((alias) => alias.isKept && alias.slug !== slug)
      for (const alias of old) add(2, `${alias.slug}.${suffixOf(region)}`, tenantHost)
      if (home === region) for (const alias of old) add(2, `${alias.slug}.${BASE}`, tenantHost)
      add(3, tenantHost, null)
      if (home === region) add(4, `${slug}.${BASE}`, tenantHost)
    }
  }
  const model = new Map<string, Leads>()
  const ours = new Set(['id', 'api.in', 'api.us', ...REGIONS].map((label) => `${label}.${BASE}`))
  for (const [, host, leads] of ways.toSorted(([a], [b]) => a - b)) {
    if (!model.has(host) && !ours.has(host)) model.set(host, leads)
  }
  return model
}

async function write({ db, deps }: IdentityUnderTest, orgs: readonly Org[]): Promise<void> {
  for (const table of ['slug_alias', 'organization_domain', 'organization_region', 'organization'])
    await ask({ db }, `DELETE FROM ${table}`)
  for (const { slug, status, home, places, aliases, domains } of orgs) {
    const id = deps.makeId()
    const contact = { primaryContactName: 'Contact', primaryContactEmail: 'contact@example.test' }
    await db.prisma.organization.create({ data: { id, slug, name: slug, status, homeRegion: home, ...contact } })
    for (const [region, isThere] of Object.entries(places))
      await db.prisma.organizationRegion.create({
        data: { orgId: id, region, status: isThere ? 'active' : 'withdrawn' },
      })
    for (const alias of aliases)
      await ask(
        { db },
        "INSERT INTO slug_alias (slug, org_id, kept_until) VALUES ($1, $2, meridian_now() + $3::int * interval '1 day')",
        [alias.slug, id, alias.isKept ? 1 : -1],
      )
    for (const { domain, region, status: state, isPrimary } of domains)
      await ask(
        { db },
        `INSERT INTO organization_domain (id, org_id, region, domain, status, verification, is_primary, verified_at, released_at)
          VALUES ($1, $2, $3, $4, $5, 'v', $6, meridian_now(), CASE WHEN $5 = 'released' THEN meridian_now() END)`,
        [deps.makeId(), id, region, domain, state, isPrimary],
      )
  }
}

async function regionTokens(identity: IdentityUnderTest): Promise<Record<RegionCode, string>> {
  const tokenOf = async (region: RegionCode) => {
    const client = basic(`region-${region}`, REGION_SECRETS[region])
    return String(
      (await identity.post('/oauth/token', { grant_type: 'client_credentials' }, client)).body['access_token'],
    )
  }
  return { in: await tokenOf('in'), us: await tokenOf('us') }
}

const HOSTS = [
  ...[...SLUGS, ...ALIASES, 'id', 'api', 'nobody'].flatMap((label) => [
    `${label}.${BASE}`,
    ...REGIONS.map((region) => `${label}.${suffixOf(region)}`),
  ]),
  ...DOMAINS,
  ...['in.example.test', 'us.example.test', 'x.alfa.in.example.test', 'alfa', 'test.example', 'example.test'],
]

t.test('hosts', async (t) => {
  await eachEngine(t, 'maps and answers are the model’s, and a host is one organization’s', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { withPeople: false })
    const tokens = await regionTokens(identity)
    let known = 0
    await fc.assert(
      fc.asyncProperty(worlds, async (orgs) => {
        await write(identity, orgs)
        const model = modelOf(orgs)
        known += model.size
        const slugOf = new Map((await identity.db.prisma.organization.findMany()).map(({ id, slug }) => [id, slug]))
        for (const region of REGIONS) {
          const reply = await identity.get(`/v1/regions/${region}/hosts?form=2`, tokens[region])
          const { hosts } = hostMapSchema.parse(reply.body)
          const said = hosts.map((one) => [one.host, slugOf.get(one.org_id), one.status, one.redirect_to ?? null])
          const expected = [...model].filter(([, leads]) => leads.region === region)
          const wanted = expected.map(([host, leads]) => [host, leads.slug, leads.status, leads.redirect])
          assertSame(said.sort(), wanted.sort(), `the map of ${region}`)
        }
        for (const host of HOSTS) {
          const { status, body, headers } = await identity.get(`/v1/hosts/resolve?host=${host}`)
          assertSame(headers['x-redirect-to'], body['redirect_to'] ?? undefined, `the header for ${host}`)
          const leads = model.get(host)
          const said = status === 200 ? [body['org'].slug, body['region'], body['status'], body['redirect_to']] : status
          const wanted = leads === undefined ? 404 : [leads.slug, leads.region, 'active', leads.resolved]
          assertSame(said, wanted, host)
          const tls = await identity.get(`/v1/hosts/tls-ask?domain=${host}`)
          assertSame(tls.status, leads === undefined ? 404 : 200, `a certificate for ${host}`)
        }
      }),
      { seed, numRuns: 12 },
    )
    t.ok(known > 12, `${known} hosts led somewhere`)
  })
})

function assertSame(said: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(said) !== JSON.stringify(wanted))
    throw new Error(`${what}: ${JSON.stringify(said)} and not ${JSON.stringify(wanted)}`)
}

t.test('what leads nowhere looks alike, and is told as soon as it is so', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const seen = new Set<string>()
  const bytesOf = async (path: string) => {
    const { status, headers, text } = await identity.get(path)
    const rest = Object.entries(headers).filter(([name]) => !/^(x-request-id|date|x-ratelimit-.*)$/.test(name))
    return JSON.stringify([status, rest, text.replace(/"request_id":"[^"]*"/, '')])
  }
  await ask(identity, "UPDATE organization SET status = 'suspended' WHERE slug = 'globex'")
  for (const host of [
    'globex.us.example.test',
    'nobody.us.example.test',
    'acme.mars.example.test',
    'api.in.example.test',
    'unclaimed.example',
    'no host',
    'a/b',
    '[::1]',
    '.',
    'x'.repeat(254),
  ]) {
    seen.add(await bytesOf(`/v1/hosts/resolve?host=${encodeURIComponent(host)}`))
    seen.add(await bytesOf(`/v1/hosts/tls-ask?domain=${encodeURIComponent(host)}`))
  }
  t.equal(seen.size, 1, [...seen].join('\n'))
  t.match([...seen][0], /"code\\":\\"unknown_host/)
  const found = await identity.get('/v1/hosts/resolve?host=ACME.us.example.test.:443')
  t.match(found.body, { host: 'acme.us.example.test', region: 'us', org: { slug: 'acme' }, status: 'active' })
  t.equal((await identity.get('/v1/hosts/tls-ask?domain=acme.us.example.test')).text, '')
  for (const path of ['/v1/hosts/resolve', '/v1/hosts/tls-ask', '/v1/hosts/resolve?host=a.b&more=1'])
    t.equal((await identity.get(path)).status, 400, path)
})

t.test('an older region gets the hosts that it serves, in the form that it reads', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { us } = await regionTokens(identity)
  const { id } = await identity.db.prisma.organization.findFirstOrThrow({ where: { slug: 'acme' } })
  await ask(
    identity,
    "INSERT INTO slug_alias VALUES ('acme-old', $1, meridian_now(), meridian_now() + interval '1 day')",
    [id],
  )
  const { body } = await identity.get('/v1/regions/us/hosts', us)
  const firstForm = z.strictObject({
    region: z.string(),
    hosts: z.array(z.strictObject({ host: z.string(), org_id: z.string() })),
  })
  t.strictSame(
    firstForm.parse(body).hosts.map(({ host }) => host),
    ['acme.us.example.test', 'globex.us.example.test'],
  )
  t.strictSame(heldHostMapSchema.parse(body).hosts[0], { host: 'acme.us.example.test', org_id: id, status: 'active' })
  const { hosts } = (await identity.get('/v1/regions/us/hosts?form=2', us)).body
  t.ok(hosts.some((one: { redirect_to?: string }) => one.redirect_to === 'acme.us.example.test'))
  t.equal((await identity.get('/v1/regions/us/hosts?form=3', us)).status, 400)
})

t.test('questions are limited by address, and a base domain is not needed', async (t) => {
  const settings = { baseDomain: undefined }
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings, hostLookupsPerMinute: 2 })
  const answers: number[] = []
  for (const host of ['acme.in.example.test', 'acme.example.test', 'acme.in.example.test'])
    answers.push((await identity.get(`/v1/hosts/resolve?host=${host}`)).status)
  t.strictSame(answers, [200, 404, 429])
  const [first] = registry.regions
  const double = {
    ...registry,
    regions: [...registry.regions, { ...first, code: 'eu', api_url: 'https://api.eu.test' }],
  }
  t.notOk(registrySchema.safeParse(double).success, 'two regions of one host suffix')
})

t.test('a region that is withdrawn leads nowhere', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  t.equal((await identity.get('/v1/hosts/resolve?host=acme.in.example.test')).status, 200)
  const withdrawn = { ...registry, regions: registry.regions.filter(({ code }) => code !== 'in') }
  const clients = registry.clients.filter((client) => client.region !== 'in')
  await applyRegistry(identity.deps, { ...withdrawn, clients })
  for (const host of ['acme.in.example.test', 'acme.example.test'])
    t.equal((await identity.get(`/v1/hosts/resolve?host=${host}`)).status, 404, host)
  const { us: token } = await regionTokens(identity)
  t.strictSame(
    (await identity.get('/v1/regions/us/hosts?form=2', token)).body['hosts'].map(({ host }: { host: string }) => host),
    ['acme.us.example.test', 'globex.example.test', 'globex.us.example.test'],
  )
})
