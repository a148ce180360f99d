// An export proves itself: verified here by what services/identity/README.md says and nothing of the service's own code.
import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import t, { type Test } from 'tap'
import { eachEngine, embeddedPlace, shiftClock } from '../support/databases.ts'
import {
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  makeSysAdmin,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'
import { happen, idOfOrg, seal } from './chained-identity.ts'

t.setTimeout(180_000)

// biome-ignore lint/suspicious/noExplicitAny: a stranger's reading of JSON lines
type Line = Record<string, any>

const linesOf = (text: string): readonly Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)

/** Each part behind its length; null has the length FF FF FF FF. */
function digest(parts: readonly (string | null)[]): string {
  const bytes = parts.flatMap((part) => {
    const length = Buffer.alloc(4, 0xff)
    if (part !== null) length.writeUInt32BE(Buffer.byteLength(part))
    return [length, Buffer.from(part ?? '')]
  })
  return createHash('sha256').update(Buffer.concat(bytes)).digest('hex')
}

/** RFC 8785, as far as ids, codes and counts need it. */
const canonical = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(canonical).join(',')}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.keys(value)
          .sort()
          .map((key) => `${JSON.stringify(key)}:${canonical((value as Line)[key])}`)
          .join(',')}}`
      : JSON.stringify(value)

/** What is wrong with an export, line by line. */
function faultsOf(lines: readonly Line[]): readonly string[] {
  const faults: string[] = []
  const events = lines.filter(({ type }) => type === 'event')
  for (const line of events) {
    const who = digest([line['actor'].kind, line['actor'].id, line['client_id'], line['session_id']])
    if (line['actor'].id !== null && who !== line['who_digest']) faults.push(`${line['seq']}: who`)
    const hash = digest([
      'meridian-audit-1',
      line['chain'],
      String(line['seq']),
      line['previous_hash'],
      line['id'],
      line['at'],
      line['kind'],
      line['outcome'],
      line['region'],
      line['request_id'],
      line['who_digest'],
      canonical(line['details']),
      line['personal_digest'],
    ])
    if (hash !== line['hash']) faults.push(`${line['seq']}: hash`)
    const before = events.find(({ chain, seq }) => chain === line['chain'] && seq === line['seq'] - 1)
    if (before !== undefined && before['hash'] !== line['previous_hash']) faults.push(`${line['seq']}: place`)
  }
  const end = lines.at(-1)
  if (end?.['type'] !== 'end' || end['events'] !== events.length) faults.push('not whole')
  return faults
}

const YEAR = 'from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z'
const ORG = {
  slug: 'initech',
  name: 'Initech',
  primary_contact: { name: 'Peter', email: 'peter@initech.test' },
  regions: ['in'],
  first_manager: { name: 'Peter', email: 'peter@initech.test' },
}

async function verifyCheckpoint(t: Test, identity: IdentityUnderTest, lines: readonly Line[]): Promise<void> {
  const token = String(lines.at(-1)?.['checkpoint'])
  const [header = '', payload = '', signature = ''] = token.split('.')
  const { kid, typ } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Line
  t.equal(typ, 'audit-checkpoint+jwt')
  const { keys } = (await identity.get('/oauth/jwks')).body
  const jwk = keys.find((key: Line) => key['kid'] === kid)
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  t.ok(verifySignature('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
  const { chain, seq, hash } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Line
  t.match(
    lines.filter((line) => line['seq'] === seq),
    [{ chain, hash }],
    'and it is of an event that was exported',
  )
}

await eachEngine(t, 'an organization takes its audit away, and a stranger verifies it', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED })
  await makeSysAdmin(identity)
  const root = (await signIn(identity, 'root@example.test')).body['access_token']
  const headers = { authorization: `Bearer ${root}`, 'idempotency-key': idempotencyKey() }
  await identity.inject({ method: 'POST', url: '/v1/orgs', payload: ORG, headers })
  const peter = (await signIn(identity, 'peter@initech.test')).body['access_token']
  await exchange(identity, peter, { resource: IN, org_id: 'initech' })
  const initech = await idOfOrg(identity, 'initech')
  await happen(identity, initech, 700)
  await seal(identity)
  const url = `/v1/orgs/initech/audit/export?${YEAR}`
  const first = await identity.get(url, peter)
  t.match(first.headers['content-type'], /^application\/x-ndjson/)
  const lines = linesOf(first.text)
  t.ok(lines.length > 702, 'more than a page')
  t.strictSame(faultsOf(lines), [])
  t.match(lines.at(-1), { type: 'end', checkpoint: null })
  const created = lines.find(({ kind }) => kind === 'organization.created')
  t.match(created, { actor: { kind: 'sys_admin', id: null }, session_id: null, ip: null }, 'though that one hides who')
  t.equal(new Set(lines.map(({ id }) => id)).size, lines.length, 'each event once')

  await seal(identity)
  await shiftClock(identity.db, 500)
  await happen(identity, initech, 400)
  await seal(identity)
  const second = linesOf((await identity.get(url, peter)).text)
  t.strictSame(faultsOf(second), [])
  t.ok(
    second.some(({ kind }) => kind === 'audit.exported'),
    'that it was taken away is in it',
  )
  await verifyCheckpoint(t, identity, second)

  const changed = second.map((line, index) => (index === 5 ? { ...line, outcome: 'refused' } : line))
  t.not(faultsOf(changed).length, 0, 'what was changed on the way is seen')
  t.not(faultsOf(second.slice(0, -1)).length, 0, 'and what was cut off')
  t.not(faultsOf(second.filter((_, index) => index !== 3)).length, 0, 'and what was left out')
  const platform = linesOf((await identity.get(`/v1/audit/export?${YEAR}`, root)).text)
  t.strictSame(faultsOf(platform), [])
  t.ok(platform.some(({ kind, chain }) => kind === 'organization.created' && chain === initech))
  t.notOk(platform.some(({ kind }) => kind === 'context.first_token'))
})

t.test('an export is bounded, needs a recent sign-in, and is noted before it leaves', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), {
    settings: { ...UNHURRIED, stepUpMaxAgeSeconds: 300 },
  })
  const token = (await signIn(identity, 'ada@acme.test')).body['access_token']
  const url = (query: string) => `/v1/orgs/acme/audit/export?${query}`
  for (const query of [
    '',
    'from=2026-01-01T00:00:00Z',
    'from=2026-01-01T00:00:00Z&to=2027-06-01T00:00:00Z',
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    `${YEAR}&limit=5`,
  ])
    await refuses(t, identity, query, () => identity.get(url(query), token), { status: 400, error: 'invalid_request' })
  const exports = () => ask(identity, "SELECT actor_user_id, details FROM audit_event WHERE kind = 'audit.exported'")
  t.strictSame(await exports(), [])
  await identity.get(url(YEAR), token)
  t.match(await exports(), [{ details: { from: '2026-01-01T00:00:00Z', regions: ['in', 'us'] } }])
  await shiftClock(identity.db, 301)
  await refuses(t, identity, 'later', () => identity.get(url(YEAR), token), {
    status: 401,
    error: 'insufficient_user_authentication',
  })
  t.equal((await exports()).length, 1)
  t.equal((await identity.get('/v1/orgs/acme/audit', token)).status, 200, 'looking needs none')
})
