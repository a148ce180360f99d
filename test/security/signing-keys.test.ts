// A planned rotation, an emergency, the reports of regions and the operator's commands, on both engines.
import { generateKeyPairSync, sign } from 'node:crypto'
import t, { type Test } from 'tap'
import { type CommandName, runCommand } from '../../services/identity/src/cli/commands.ts'
import { createKeeper } from '../../services/identity/src/keys/keep-rotating.ts'
import { RETIRING_SECONDS } from '../../services/identity/src/keys/life-cycle.ts'
import { eachEngine, embeddedPlace, shiftClock } from '../support/databases.ts'
import {
  basic,
  exchange,
  type IdentityUnderTest,
  IN,
  REGION_SECRETS,
  refresh,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const DAY = 86_400

t.setTimeout(180_000)
const kidsIn = async (identity: IdentityUnderTest): Promise<string[]> =>
  (await identity.get('/oauth/jwks')).body['keys'].map((key: { kid: string }) => key.kid)
const kidOf = (token: unknown): string =>
  JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()).kid
const statuses = async (identity: IdentityUnderTest, alg = 'ES256') =>
  (await ask(identity, 'SELECT status FROM signing_key WHERE alg = $1::text ORDER BY created_at, status', [alg])).map(
    (row) => row['status'],
  )

async function regionToken(identity: IdentityUnderTest, region: 'in' | 'us'): Promise<string> {
  const form = { grant_type: 'client_credentials' }
  const reply = await identity.post('/oauth/token', form, basic(`region-${region}`, REGION_SECRETS[region]))
  return String(reply.body['access_token'])
}

function report(identity: IdentityUnderTest, token: string, region: string, payload: object) {
  return identity.inject({
    method: 'PUT',
    url: `/v1/regions/${region}/keys`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    payload: JSON.stringify(payload),
  })
}

async function reportAll(t: Test, identity: IdentityUnderTest, regions: readonly ('in' | 'us')[]): Promise<void> {
  const kids = await kidsIn(identity)
  for (const region of regions) {
    t.equal((await report(identity, await regionToken(identity, region), region, { kids })).status, 204)
  }
}

function runs(identity: IdentityUnderTest) {
  const keeper = createKeeper(identity.deps)
  return {
    look: async () => {
      await keeper.look()
      await identity.confirmKeys()
    },
    command: async (name: CommandName, input: object = {}) => {
      const result = await runCommand(identity.deps, name, input, () => {})
      await identity.confirmKeys()
      return result
    },
  }
}

eachEngine(t, 'a planned rotation publishes, waits for the regions, signs, and retires', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const { look } = runs(identity)
  const first = (await signIn(identity, 'lin@acme.test')).body
  const before = await kidsIn(identity)
  await look()
  t.strictSame(await kidsIn(identity), before, 'nothing is due')

  let at = 0
  const pass = (seconds: number) => {
    at += seconds
    return shiftClock(identity.db, at)
  }
  await pass(30 * DAY - 3600)
  await look()
  const staged = (await kidsIn(identity)).filter((kid) => !before.includes(kid))
  t.equal(staged.length, 2, 'one of each algorithm')
  await reportAll(t, identity, ['in', 'us'])
  await pass(3000)
  await look()
  t.strictSame(await statuses(identity), ['active', 'staged'], 'not before an hour')

  await reportAll(t, identity, ['us'])
  t.equal((await report(identity, await regionToken(identity, 'in'), 'in', { kids: before })).status, 204)
  await pass(700)
  await look()
  t.strictSame(await statuses(identity), ['active', 'staged'], 'not while India lacks it')
  t.notMatch(identity.logText(), /waits for regions/)
  await pass(600)
  await look()
  await look()
  const warnings = identity
    .logText()
    .split('\n')
    .filter((line) => line.includes('waits for regions'))
  t.equal(warnings.length, 2, 'one a key, once')
  t.match(warnings[0], /"level":"?(40|warn).*"regions":\["in"\]/)

  await reportAll(t, identity, ['in'])
  await look()
  t.strictSame(await statuses(identity), ['retiring', 'active'])
  const second = (await signIn(identity, 'lin@acme.test')).body
  t.ok(staged.includes(kidOf(second['access_token'])), 'the successor signs')
  t.ok(staged.includes(kidOf(second['id_token'])), 'for the other algorithm too')
  t.notSame(kidOf(second['access_token']), kidOf(first['access_token']))
  t.ok((await kidsIn(identity)).length === 4, 'the ones before are still published')

  await pass(RETIRING_SECONDS - 60)
  await look()
  t.equal((await kidsIn(identity)).length, 4)
  await pass(60)
  await look()
  t.strictSame((await kidsIn(identity)).sort(), [...staged].sort())
  t.strictSame(
    await ask(identity, 'SELECT kid FROM signing_key WHERE status = $1 AND sealed_private_key IS NOT NULL', [
      'retired',
    ]),
    [],
  )
  t.strictSame(
    identity.deps
      .keySet()
      .hintJwks.map((jwk) => jwk.kid)
      .sort(),
    [...staged, ...before].sort(),
    'for hints they stay',
  )
  const audited = await ask(
    identity,
    "SELECT kind, count(*)::int AS n FROM audit_event WHERE kind LIKE 'key.%' GROUP BY kind ORDER BY kind",
  )
  t.strictSame(audited, [
    { kind: 'key.activated', n: 2 },
    { kind: 'key.retired', n: 2 },
    { kind: 'key.staged', n: 2 },
  ])
  await shiftClock(identity.db, at + 401 * DAY)
  const { loadKeySet } = await import('../../services/identity/src/keys/key-set.ts')
  const later = await loadKeySet(identity.db, identity.secrets, identity.deps.randomBytes)
  t.strictSame(later.hintJwks.map((jwk) => jwk.kid).sort(), [...staged].sort(), 'for 400 days')
})

eachEngine(t, 'a region that never reports holds a rotation up for the longest cache time', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const { look, command } = runs(identity)
  await command('keys stage', { alg: 'ES256' })
  await reportAll(t, identity, ['in'])
  await shiftClock(identity.db, 86_400 + 299)
  await look()
  t.strictSame(await statuses(identity), ['active', 'staged'])
  await shiftClock(identity.db, 86_400 + 301)
  await look()
  t.strictSame(await statuses(identity), ['retiring', 'active'])
  t.strictSame(await statuses(identity, 'RS256'), ['active'], 'the other algorithm has its own time')
})

eachEngine(t, 'a region that was withdrawn, or has no client, holds nothing up', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const { look, command } = runs(identity)
  await command('keys stage', { alg: 'ES256' })
  await reportAll(t, identity, ['in'])
  await ask(identity, "UPDATE region SET status = 'withdrawn' WHERE code = 'us'")
  await shiftClock(identity.db, 3601)
  await look()
  t.strictSame(await statuses(identity), ['retiring', 'active'])
})

eachEngine(
  t,
  'after an emergency no token of the old key is taken, and everybody goes on by refresh',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'))
    const { command } = runs(identity)
    const old = (await signIn(identity, 'lin@acme.test')).body
    const before = await kidsIn(identity)
    await command('keys stage', { alg: 'ES256' })
    const warned = await command('keys rotate', { emergency: true, alg: 'ES256', dryRun: true })
    t.match(warned, { dry_run: true, warning: /Every access token.*refresh, silently/ })
    t.equal((await identity.get('/v1/me', old['access_token'])).status, 200, 'a dry run revokes nothing')

    const result = await command('keys rotate', { emergency: true, alg: 'ES256' })
    t.match(result, {
      dry_run: false,
      warning: /Every access token/,
      changes: [{ revoke: String }, { revoke: String }, { activate: String }],
    })
    const after = await kidsIn(identity)
    t.notOk(after.includes(kidOf(old['access_token'])), 'gone from the JWKS')
    const { revoked } = (await identity.get('/oauth/jwks')).body
    t.equal(revoked.length, 2, 'which names it as revoked, and the staged one')
    t.ok(revoked.includes(kidOf(old['access_token'])))
    t.notOk(
      identity.deps.keySet().hintJwks.some((jwk) => jwk.kid === kidOf(old['access_token'])),
      'and from the hints',
    )
    t.equal(after.filter((kid) => before.includes(kid)).length, 1, 'RS256 stays')
    t.equal((await identity.get('/v1/me', old['access_token'])).status, 401)
    const request = () => exchange(identity, old['access_token'], { resource: IN, org_id: 'acme' })
    await refuses(t, identity, 'exchange', request, { status: 400, error: 'invalid_grant' })
    const renewed = await refresh(identity, old['refresh_token'])
    t.equal(renewed.status, 200, 'the refresh token lives')
    t.equal((await identity.get('/v1/me', renewed.body['access_token'])).status, 200)
    t.strictSame(
      await ask(identity, 'SELECT status, compromised, sealed_private_key FROM signing_key WHERE kid = $1::text', [
        kidOf(old['access_token']),
      ]),
      [{ status: 'retired', compromised: true, sealed_private_key: null }],
    )
    const told = await ask(identity, "SELECT subject FROM revocation WHERE kind = 'key'")
    t.equal(told.length, 2, 'the staged one as well: whoever read one may have read both')
    t.ok(told.some(({ subject }) => subject === kidOf(old['access_token'])))
  },
)

eachEngine(t, 'the operator is told what is, what would be, and why not', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const { command } = runs(identity)
  const before = await statuses(identity)
  t.strictSame(await command('keys stage', { dryRun: true }), {
    dry_run: true,
    changes: [
      { stage: 'a new key', alg: 'ES256' },
      { stage: 'a new key', alg: 'RS256' },
    ],
  })
  t.strictSame(await statuses(identity), before)
  t.strictSame(await command('keys activate'), { dry_run: false, changes: [] })
  await command('keys stage')
  t.strictSame(await command('keys stage'), { dry_run: false, changes: [] }, 'there is one already')
  await t.rejects(command('keys activate'), {
    name: 'CommandError',
    message: /may not sign yet: it stays staged for 60 min more; not reported by in, us/,
  })
  await t.rejects(command('keys activate', { dryRun: true }), { message: /may not sign yet/ })
  t.match(await command('keys list'), {
    keys: [
      { alg: 'ES256', status: 'active' },
      {
        alg: 'ES256',
        status: 'staged',
        waits_for: ['staging, 60 min', /^region in, 14\d\d min at most$/, /^region us/],
      },
      { alg: 'RS256', status: 'active' },
      { alg: 'RS256', status: 'staged' },
    ],
    regions: [
      { region: 'in', holds: 0 },
      { region: 'us', holds: 0 },
    ],
  })
  await reportAll(t, identity, ['in', 'us'])
  await shiftClock(identity.db, 3601)
  t.match(await command('keys activate', { alg: 'ES256' }), { changes: [{ activate: String, alg: 'ES256' }] })
  await t.rejects(command('keys retire'), {
    message: /may not go yet: tokens that it signed may be in use for 22 min more/,
  })
  await shiftClock(identity.db, 3601 + RETIRING_SECONDS)
  t.match(await command('keys retire'), { changes: [{ retire: String, alg: 'ES256' }] })
  t.strictSame(await statuses(identity), ['retired', 'active'])
  for (const input of [{}, { emergency: false }]) {
    await t.rejects(command('keys rotate', input), {
      message: /emergency: is needed; an ordinary rotation begins with: meridian keys stage/,
    })
  }
  await t.rejects(command('keys stage', { alg: 'none' }), { name: 'CommandError' })
  await t.rejects(command('keys list', { email: 'x@example.test' }), { name: 'CommandError' })
})

eachEngine(t, 'keys are sealed anew, and then open without the older seal key', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const newest = { id: 's2', key: new Uint8Array(identity.deps.randomBytes(32)) }
  const both = {
    ...identity.deps,
    secrets: { ...identity.secrets, sealKeys: [newest, ...identity.secrets.sealKeys] as const },
  }
  const { loadKeySet } = await import('../../services/identity/src/keys/key-set.ts')
  const { document } = await loadKeySet(identity.db, both.secrets, identity.deps.randomBytes)
  const only = { sealKeys: [newest] as const }
  t.strictSame(await runCommand(both, 'keys reseal', { dryRun: true }, () => {}), { dry_run: true, resealed: 2 })
  await t.rejects(loadKeySet(identity.db, only, identity.deps.randomBytes), { name: 'UnsealError' })
  t.strictSame(await runCommand(both, 'keys reseal', {}, () => {}), { dry_run: false, resealed: 2 })
  t.strictSame((await loadKeySet(identity.db, only, identity.deps.randomBytes)).document, document)
})

t.test('a region reports for itself alone, and only keys that there are', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const kids = await kidsIn(identity)
  const token = await regionToken(identity, 'in')
  const held = () => ask(identity, 'SELECT region, kid FROM region_key_report ORDER BY kid')
  t.equal((await report(identity, token, 'in', { kids: [...kids, 'made-up', kids[0]] })).status, 204)
  t.strictSame(
    await held(),
    [...kids].sort().map((kid) => ({ region: 'in', kid })),
  )
  t.equal((await report(identity, token, 'in', { kids: [kids[1]] })).status, 204)
  t.strictSame(await held(), [{ region: 'in', kid: kids[1] }], 'what it no longer names is forgotten')

  const person = (await signIn(identity, 'ada@acme.test')).body['access_token']
  const refused: readonly (readonly [string, () => ReturnType<typeof report>, number])[] = [
    ['another region', () => report(identity, token, 'us', { kids }), 403],
    ['no region', () => report(identity, token, 'xx', { kids }), 403],
    ['a person', () => report(identity, person, 'in', { kids }), 401],
    ['nobody', () => report(identity, 'x', 'in', { kids }), 401],
    ['an unknown field', () => report(identity, token, 'in', { kids, more: 1 }), 400],
    ['too many', () => report(identity, token, 'in', { kids: Array(33).fill('x') }), 400],
    ['a long kid', () => report(identity, token, 'in', { kids: ['x'.repeat(129)] }), 400],
    ['no kids', () => report(identity, token, 'in', {}), 400],
    ['no object', () => report(identity, token, 'in', kids), 400],
  ]
  for (const [title, call, status] of refused) {
    t.equal((await call()).status, status, title)
    t.strictSame(await held(), [{ region: 'in', kid: kids[1] }], `${title}: nothing changed`)
  }
  await shiftClock(identity.db, 601)
  t.equal((await report(identity, token, 'in', { kids })).status, 401, 'an expired token')
})

t.test(
  'a process that cannot confirm its keys stops signing after a minute, and publishing after half an hour',
  async (t) => {
    let nowMs = 1_000_000
    const identity = await startIdentity(t, await embeddedPlace('identity'), { now: () => nowMs })
    const issued = (await signIn(identity, 'lin@acme.test')).body
    const rename = (from: string, to: string) => ask(identity, `ALTER TABLE ${from} RENAME TO ${to}`)
    await rename('signing_key', 'away')
    nowMs += 60_000
    await identity.confirmKeys()
    const second = await refresh(identity, issued['refresh_token'])
    t.equal(second.status, 200)
    nowMs += 1
    await identity.confirmKeys()
    const request = () => refresh(identity, second.body['refresh_token'])
    await refuses(t, identity, 'refresh', request, { status: 503, error: 'temporarily_unavailable' })
    t.equal((await identity.get('/oauth/jwks')).status, 200)
    t.equal((await identity.get('/v1/me', issued['access_token'])).status, 200, 'it still verifies')
    nowMs += 1_740_000
    t.equal((await identity.get('/oauth/jwks')).status, 503)
    t.equal((await identity.get('/readyz')).status, 200)
    await rename('away', 'signing_key')
    await identity.confirmKeys()
    t.equal((await identity.get('/oauth/jwks')).status, 200)
    t.equal((await refresh(identity, second.body['refresh_token'])).status, 200, 'and nobody was signed out')
    t.match(identity.logText(), /the signing keys could not be read/)
  },
)

t.test('a staged key that this process cannot open is told an hour before it would be needed', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const stranger = { id: 's9', key: new Uint8Array(identity.deps.randomBytes(32)) }
  await runCommand(
    { ...identity.deps, secrets: { ...identity.secrets, sealKeys: [stranger] } },
    'keys stage',
    { alg: 'ES256' },
    () => {},
  )
  await identity.confirmKeys()
  t.match(identity.logText(), /SEAL_KEYS lacks the key/)
  t.equal((await signIn(identity, 'lin@acme.test')).status, 200, 'it goes on with what it has')
})

t.test('a key that is none of ours signs nothing, also when it looks like one', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const [, payload] = String((await signIn(identity, 'lin@acme.test')).body['access_token']).split('.')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [kid] = await kidsIn(identity)
  const head = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })).toString('base64url')
  const signature = sign('sha256', Buffer.from(`${head}.${payload}`), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  t.equal((await identity.get('/v1/me', `${head}.${payload}.${signature.toString('base64url')}`)).status, 401)
})
