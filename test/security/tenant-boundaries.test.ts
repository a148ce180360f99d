// SECURITY 1.7 (A70, A74, A75) and 1.9 (A88) at the centre: the organization that somebody acts in is the one that the
// path names and their membership admits, whatever else a request says; and what ended is over at once.
import t, { type Test } from 'tap'
import { readMatrix, sendAs } from '../support/access-matrix.ts'
import { embeddedPlace } from '../support/databases.ts'
import {
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  type Reply,
  refresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'
import { keepTables, startWorld } from './access/world.ts'

t.setTimeout(240_000)

const ACCESS_DENIED = { status: 403, error: 'access_denied' }

const bodyOf = ({ status, text, headers }: Reply) => [status, text.replaceAll(String(headers['x-request-id']), '')]

t.test('what a request says of an organization beside its path changes nothing (A70)', async (t) => {
  const { rows, things } = await readMatrix()
  const world = await startWorld(t, things)
  const { identity, own, foreign } = world
  const tables = await keepTables(identity)
  const headers = {
    'x-org-id': foreign.org.id,
    'x-tenant-id': foreign.org.slug,
    'x-forwarded-host': `${foreign.org.slug}.us.example.test`,
    cookie: `org_id=${foreign.org.id}`,
  }
  const managed = rows.filter(({ route, own }) => route.includes('/:org') && own.manager.startsWith('2'))
  t.ok(managed.length > 10, `${managed.length} routes`)
  for (const row of managed) {
    const plain = row.request(own)
    const answerTo = async (changes: Partial<typeof plain>) => {
      const reply = await sendAs(world, identity, { ...row, request: () => ({ ...plain, ...changes }) }, 'manager', own)
      if (!row.route.startsWith('GET ')) await tables.restore()
      return reply
    }
    const usual = await answerTo({})
    const told = await answerTo({ headers: { ...plain.headers, ...headers } })
    t.equal(told.status, usual.status, `${row.route}: headers`)
    if (row.route.startsWith('GET')) {
      t.strictSame(bodyOf(told), bodyOf(usual), `${row.route}: headers`)
      const asked = await answerTo({
        url: `${plain.url}${plain.url.includes('?') ? '&' : '?'}org_id=${foreign.org.id}`,
      })
      if (asked.status !== 400) t.strictSame(bodyOf(asked), bodyOf(usual), `${row.route}: query`)
    } else if (plain.payload !== undefined && !(plain.payload instanceof Uint8Array)) {
      for (const name of ['org', 'org_id', 'organization', 'tenant_id']) {
        const refused = await answerTo({ payload: { ...plain.payload, [name]: foreign.org.id } })
        t.match(refused.body, { status: 400, code: 'invalid_request' }, `${row.route}: ${name} in the body`)
      }
    }
  }
})

async function start(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const tokenOf = async (email: string) => String((await signIn(identity, email)).body['access_token'])
  return { identity, tokenOf, ada: await tokenOf('ada@acme.test'), max: await tokenOf('max@globex.test') }
}

const send = (
  identity: IdentityUnderTest,
  token: string,
  method: string,
  url: string,
  payload?: object,
  headers = {},
) =>
  identity.inject({
    method: method as 'GET',
    url,
    headers: { authorization: `Bearer ${token}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  })

async function membershipOf(identity: IdentityUnderTest, email: string, org: string): Promise<string> {
  const [row] = await ask(
    identity,
    `SELECT m.id::text FROM membership m JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id
      WHERE u.email = $1::text AND o.slug = $2::text`,
    [email, org],
  )
  return String(row?.['id'])
}

t.test('the same Idempotency-Key in two organizations is two keys (A74)', async (t) => {
  const { identity, ada, max } = await start(t)
  const headers = { 'idempotency-key': idempotencyKey() }
  const invite = (token: string, org: string, region: string) => {
    const payload = { email: 'new@example.test', roles: [{ region, role: 'viewer' }] }
    return send(identity, token, 'POST', `/v1/orgs/${org}/invitations`, payload, headers)
  }
  const inAcme = await invite(ada, 'acme', 'in')
  const inGlobex = await invite(max, 'globex', 'us')
  t.equal(inAcme.status, inGlobex.status)
  t.ok(inAcme.status < 300, inAcme.text)
  t.notOk(inGlobex.text.includes(String(inAcme.body['id'])), 'one is not given the other’s answer')
  const rows = await ask(identity, 'SELECT DISTINCT org_id FROM invitation')
  t.equal(rows.length, 2, 'both were made')
})

t.test('who leaves one organization, or whose organization closes, keeps the other (A75)', async (t) => {
  const { identity, ada } = await start(t)
  const signedIn = (await signIn(identity, 'sam@both.test')).body
  const sam = String(signedIn['access_token'])
  const [acme, globex] = [
    { resource: IN, org_id: 'acme' },
    { resource: US, org_id: 'globex' },
  ]
  const contextsOf = async () => {
    const { contexts } = (await identity.get('/v1/me/contexts', sam)).body
    return contexts.map(({ org }: { org: { slug: string } }) => org.slug)
  }
  t.strictSame(await contextsOf(), ['acme', 'globex'])
  const held = claimsOf((await exchange(identity, sam, acme)).body['access_token'])
  const membership = await membershipOf(identity, 'sam@both.test', 'acme')
  const removed = await send(identity, ada, 'DELETE', `/v1/orgs/acme/members/${membership}`)
  t.equal(removed.status, 204, removed.text)
  t.strictSame(await contextsOf(), ['globex'])
  const gone = { status: 400, error: 'invalid_target' }
  await refuses(t, identity, 'no token for acme', () => exchange(identity, sam, acme), gone)
  const [told] = await ask(identity, `SELECT max(version) AS version FROM revocation WHERE subject = $1::text`, [
    membership,
  ])
  t.ok(Number(told?.['version']) > held['mv'], 'the region of acme refuses what was given before')
  t.equal((await exchange(identity, sam, globex)).status, 200)
  t.equal((await refresh(identity, signedIn['refresh_token'], globex)).status, 200, 'the sign-in is one, and goes on')
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'globex'`)
  t.strictSame(await contextsOf(), [])
  await refuses(t, identity, 'nor for globex', () => exchange(identity, sam, globex), gone)
  t.equal((await identity.get('/v1/me', sam)).status, 200, 'the account is theirs')
})

t.test('a manager who is none any more is refused from the next request on (A88)', async (t) => {
  const { identity, tokenOf, ada } = await start(t)
  const lin = await membershipOf(identity, 'lin@acme.test', 'acme')
  const change = (token: string, membership: string, payload: object) =>
    send(identity, token, 'PATCH', `/v1/orgs/acme/members/${membership}`, payload, { 'if-match': '*' })
  t.equal((await change(ada, lin, { role: 'manager' })).status, 200)
  const token = await tokenOf('lin@acme.test')
  const list = () => identity.get('/v1/orgs/acme/members', token)
  const sam = await membershipOf(identity, 'sam@both.test', 'acme')
  t.equal((await list()).status, 200)
  t.equal((await change(token, sam, { role: 'viewer' })).status, 200)
  for (const [payload, undo] of [
    [{ role: 'member' }, { role: 'manager' }],
    [{ status: 'suspended' }, { status: 'active' }],
  ]) {
    t.equal((await change(ada, lin, payload as object)).status, 200)
    await refuses(t, identity, `${JSON.stringify(payload)}: reading`, list, ACCESS_DENIED)
    await refuses(t, identity, 'writing', () => change(token, sam, { role: 'member' }), ACCESS_DENIED)
    t.equal((await change(ada, lin, undo as object)).status, 200)
    t.equal((await list()).status, 200, 'the same token again, as the membership is again')
  }
})
