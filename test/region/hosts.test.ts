// The hosts of a region's organizations: read from centres of any age, kept over restarts, and allowed as web origins.
import t from 'tap'
import { idOf } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'
import { OTHER_TENANT_HOST, startCentre, startRegion, TENANT_HOST } from './region-service.ts'

const DOMAIN = 'app.acme.example'
const OLD = 'acme-old.in.example.com'

t.test('what a centre says of hosts is read, whatever its age', async (t) => {
  const centre = await startCentre(t)
  centre.hosts = {
    [TENANT_HOST]: 'acme',
    [OTHER_TENANT_HOST]: { org: 'globex', status: 'maintenance', version: 3, colour: 'blue' },
    [OLD]: { org: 'acme', status: 'active', version: 3, redirect_to: TENANT_HOST },
    'odd.in.example.com': { org: 'acme', status: 'dissolving' },
  }
  const place = await embeddedPlace('region')
  const { deps, database } = await startRegion(t, place, { centre })
  const expected = {
    [TENANT_HOST]: { kind: 'tenant', orgId: idOf('acme'), status: 'active' },
    [OTHER_TENANT_HOST]: { kind: 'tenant', orgId: idOf('globex'), status: 'maintenance' },
    [OLD]: { kind: 'moved', to: TENANT_HOST },
    'odd.in.example.com': { kind: 'unknown' },
  }
  for (const [host, resolution] of Object.entries(expected)) t.strictSame(deps.hosts.resolve(host), resolution, host)
  const stored = await database.prisma.hostMap.findUniqueOrThrow({ where: { id: true } })
  centre.away = true
  const again = await startRegion(t, await embeddedPlace('region'), { centre })
  await again.database.prisma.hostMap.create({ data: { ...stored, map: stored.map as object } })
  await again.deps.hosts.start()
  for (const [host, resolution] of Object.entries(expected))
    t.strictSame(again.deps.hosts.resolve(host), resolution, host)
})

t.test('an organization’s hosts are web origins for that organization alone', async (t) => {
  const centre = await startCentre(t)
  centre.hosts = {
    [TENANT_HOST]: 'acme',
    [DOMAIN]: 'acme',
    [OTHER_TENANT_HOST]: 'globex',
    [OLD]: { org: 'acme', redirect_to: TENANT_HOST },
  }
  const { app } = await startRegion(t, await embeddedPlace('region'), { centre, trustProxy: ['127.0.0.1'] })
  const allowedAt = async (host: string, origin: string, protocol = 'https') => {
    const headers = { host, origin, 'x-forwarded-proto': protocol, 'access-control-request-method': 'GET' }
    const preflight = await app.inject({ method: 'OPTIONS', url: '/v1/records', headers })
    const real = await app.inject({ method: 'GET', url: '/v1/records', headers })
    const answers = [preflight, real].map((answer) => {
      t.equal(answer.headers['access-control-allow-credentials'], undefined, 'never with credentials')
      t.match(answer.headers['vary'], /origin/i)
      return answer.headers['access-control-allow-origin']
    })
    t.equal(answers[0], answers[1], 'a preflight says what the request finds')
    return answers[0] === origin
  }
  const neutral = 'api.in.example.com'
  for (const host of [neutral, TENANT_HOST, DOMAIN]) {
    t.ok(await allowedAt(host, `https://${DOMAIN}`), host)
    t.ok(await allowedAt(host, `https://${TENANT_HOST}`), host)
  }
  t.notOk(await allowedAt(OTHER_TENANT_HOST, `https://${DOMAIN}`), 'another organization’s host')
  t.notOk(await allowedAt(TENANT_HOST, `https://${OTHER_TENANT_HOST}`), 'another organization’s origin')
  for (const origin of [
    `http://${DOMAIN}`,
    `https://${DOMAIN}:8443`,
    `https://x.${DOMAIN}`,
    `https://${OLD}`,
    `https://${DOMAIN}.`,
    `https://${DOMAIN.toUpperCase()}`,
    `https://${neutral}`,
    'https://evil.example',
    'null',
  ])
    t.notOk(await allowedAt(neutral, origin), origin)
  t.notOk(await allowedAt(OLD, `https://${TENANT_HOST}`), 'a host that has moved')
  t.ok(
    await allowedAt(`${TENANT_HOST}:4101`, `http://${TENANT_HOST}:4101`, 'http'),
    'plain http where the API has no TLS',
  )
})
