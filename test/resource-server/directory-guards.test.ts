// What the region's copy of the directory adds to admission: former members, missing modules, old news, counting.
import type { RegionTokenClaims } from '@meridian/protocol/access-token'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { setUpApi } from './guarded-api.ts'
import { idOf } from './region-issuer.ts'

const GRANT = idOf('a support grant')
const SUPPORT = { sub: GRANT, mid: GRANT, act: { sub: idOf('root') }, role: 'viewer' }

const handler = async () => ({ ok: true })
const routes = (app: FastifyInstance) => {
  app.get('/me', { config: { guard: 'authenticated' } }, handler)
  app.get('/crm', { config: { guard: { module: 'crm' } } }, handler)
  app.get('/crm/write', { config: { guard: { module: 'crm', permission: 'records:write' } } }, handler)
  app.get('/crm/fresh', { config: { guard: { module: 'crm', fresh: true } } }, handler)
  app.get('/fresh', { config: { guard: { permission: 'records:read', fresh: true } } }, handler)
}

t.test('a route asks for a module of the organization', async (t) => {
  const modules = new Map([[idOf('acme'), ['crm']]])
  const has = async (orgId: string, module: string) => modules.get(orgId)?.includes(module) === true
  const { sign, getAs } = await setUpApi(t, { admission: { modules: { has } }, routes })
  t.equal((await getAs(sign(), '/crm')).statusCode, 200)
  const refused = await getAs(sign({ org_id: idOf('globex') }), '/crm')
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { code: 'access_denied', module: 'crm' })
  t.equal((await getAs(sign({ org_id: idOf('globex') }), '/me')).statusCode, 200, 'other routes are not closed')
  const viewer = await getAs(sign({ role: 'viewer' }), '/crm/write')
  t.equal(viewer.json().module, undefined, 'who may not anyway is told that alone')
  t.equal(viewer.statusCode, 403)
  modules.set(idOf('acme'), [])
  t.equal((await getAs(sign(), '/crm')).statusCode, 403, 'from the next request on')
})

t.test('where nothing is known of modules, nothing that asks for one is open', async (t) => {
  const unknown = await setUpApi(t, { routes })
  t.equal((await unknown.getAs(unknown.sign(), '/crm')).statusCode, 403)
  const failing = async () => {
    throw new Error('the database is away')
  }
  const broken = await setUpApi(t, { admission: { modules: { has: failing } }, routes })
  t.match((await broken.getAs(broken.sign(), '/crm')).json(), { status: 503, code: 'temporarily_unavailable' })
  for (const odd of ['yes', 1, {}]) {
    const { sign, getAs } = await setUpApi(t, { admission: { modules: { has: () => odd as never } }, routes })
    t.equal((await getAs(sign(), '/crm')).statusCode, 403, 'only true is true')
  }
})

t.test('a guard that names no module by a proper key stops the start', async (t) => {
  for (const module of ['', 'CRM', 'a b', 7, null]) {
    const declare = (app: FastifyInstance) => app.get('/x', { config: { guard: { module } as never } }, handler)
    await t.rejects(
      setUpApi(t, { routes: declare }).then(({ app }) => app.ready()),
      `${module}`,
    )
  }
})

t.test('who is a member no more is refused, whatever the token says; support has no member', async (t) => {
  const asked: RegionTokenClaims[] = []
  const check = async (claims: RegionTokenClaims) => {
    asked.push(claims)
    return claims.mv < 4 ? ('over' as const) : ('live' as const)
  }
  const { sign, getAs } = await setUpApi(t, { admission: { members: { check } }, routes })
  t.match((await getAs(sign({ mv: 3 }))).json(), { status: 401, code: 'invalid_token' })
  t.equal((await getAs(sign({ mv: 4 }))).statusCode, 200)
  t.match((await getAs(sign({ mv: 3 }), '/crm')).json(), { code: 'invalid_token' }, 'before any guard')
  t.equal(asked.length, 3)
  t.equal((await getAs(sign({ ...SUPPORT, mv: 1 }))).statusCode, 200)
  t.equal(asked.length, 3, 'nobody is asked about support')
  const failing = () => {
    throw new Error('the database is away')
  }
  const broken = await setUpApi(t, { admission: { members: { check: failing } }, routes })
  t.match((await broken.getAs(broken.sign())).json(), { status: 503, code: 'temporarily_unavailable' })
})

t.test('old news of the directory closes what must be fresh and asks for a module', async (t) => {
  const age = { revocations: 60, directory: 60 }
  const admission = {
    modules: { has: () => true },
    freshness: { staleSeconds: () => age.revocations },
    directoryFreshness: { staleSeconds: () => age.directory },
  }
  const { sign, getAs } = await setUpApi(t, { admission, routes })
  const codes = async () =>
    Promise.all(['/crm', '/fresh', '/crm/fresh'].map(async (url) => (await getAs(sign(), url)).statusCode))
  t.strictSame(await codes(), [200, 200, 200])
  age.directory = 61
  t.strictSame(await codes(), [200, 200, 503])
  age.directory = Number.NaN
  t.strictSame(await codes(), [200, 200, 503])
  Object.assign(age, { directory: 0, revocations: 61 })
  t.strictSame(await codes(), [200, 503, 503])
  const without = await setUpApi(t, { admission: { ...admission, directoryFreshness: undefined } as never, routes })
  age.revocations = 0
  t.equal((await without.getAs(without.sign(), '/crm/fresh')).statusCode, 503, 'and so does none')
})

t.test('what members of an organization ask is counted, and nothing that others ask in its name', async (t) => {
  const counted: string[] = []
  const meter = { count: (orgId: string, outcome: string) => void counted.push(`${orgId} ${outcome}`) }
  const former = idOf('former member')
  const members = { check: ({ sub }: { sub: string }) => (sub === former ? 'over' : 'live') as 'over' | 'live' }
  const { sign, getAs, get } = await setUpApi(t, { admission: { meter, members }, routes })
  await getAs(sign())
  await getAs(sign(), '/crm')
  await getAs(sign({ role: 'nobody' }))
  await getAs(sign({ exp: 1 }))
  await get('/me')
  await getAs(sign({ org_id: idOf('globex') }), '/me', { host: 'acme.in.example.com' })
  t.equal((await getAs(sign({ sub: former }))).statusCode, 401)
  t.strictSame(counted, [`${idOf('acme')} admitted`, `${idOf('acme')} refused`])
})
