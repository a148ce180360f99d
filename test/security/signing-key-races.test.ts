// Processes and operators that change the signing keys at the same time, while tokens are minted.
import t from 'tap'
import { type CommandName, runCommand } from '../../services/identity/src/cli/commands.ts'
import { generateSigningKey } from '../../services/identity/src/keys/generate-signing-key.ts'
import { createKeeper } from '../../services/identity/src/keys/keep-rotating.ts'
import { RETIRING_SECONDS } from '../../services/identity/src/keys/life-cycle.ts'
import { lockSigningKeys, stageSigningKey } from '../../services/identity/src/store/signing-keys.ts'
import { onPostgresql, shiftClock } from '../support/databases.ts'
import {
  basic,
  type IdentityUnderTest,
  type Instance,
  REGION_SECRETS,
  refresh,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask, type Call, dealt, fire, tallyOf, times } from '../support/races.ts'

const DAY = 86_400
const ROUNDS = 15
const SETTINGS = { keyActiveSeconds: 2 * DAY, keyStagedSeconds: 3600 }

t.setTimeout(180_000)

const countOf = async (identity: IdentityUnderTest) => {
  const rows = await ask(
    identity,
    "SELECT alg || ' ' || status AS is, count(*)::int AS n FROM signing_key WHERE status <> 'retired' GROUP BY 1",
  )
  return Object.fromEntries(rows.map((row) => [String(row['is']), Number(row['n'])]))
}

const mint: Call = (instance) =>
  instance.post('/oauth/token', { grant_type: 'client_credentials' }, basic('region-in', REGION_SECRETS.in))

const follow = (identity: IdentityUnderTest) =>
  Promise.all(identity.instances.map((instance) => instance.confirmKeys()))

onPostgresql(
  t,
  'however many keepers look, each algorithm has one active key and one successor',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'), { instances: 2, settings: SETTINGS })
    const keepers = identity.instances.map((instance) => createKeeper(instance.deps))
    let at = 0
    let refreshToken = String((await signIn(identity, 'lin@acme.test')).body['refresh_token'])
    const seen = new Set<string>()

    async function race(seconds: number): Promise<void> {
      at += seconds
      await shiftClock(identity.db, at)
      const watching = { isOver: false }
      const watch = (async () => {
        while (!watching.isOver) {
          const { 'ES256 active': es = 0, 'RS256 active': rs = 0 } = await countOf(identity)
          if (es !== 1 || rs !== 1) t.fail(`${es} and ${rs} active keys`)
        }
      })()
      const looks = [...keepers, ...keepers, ...keepers].map((keeper) => keeper.look())
      const replies = await fire(identity, times(12, mint))
      await Promise.all(looks)
      watching.isOver = true
      await watch
      const tally = tallyOf(replies)
      if (tally['200'] !== 12) t.fail(`mints: ${JSON.stringify(tally)}`)
      await follow(identity)
      await Promise.all(
        replies.flatMap(({ body }) =>
          identity.instances.map((instance) => reads(instance, String(body['access_token']))),
        ),
      )
    }

    async function reads(instance: Instance, token: string): Promise<void> {
      const { status } = await instance.get('/v1/regions/in/hosts', token)
      if (status !== 200) t.fail(`a token of a moment ago: ${status}`)
      seen.add(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid)
    }

    for (let round = 0; round < ROUNDS; round += 1) {
      await race(2 * DAY - 3600)
      t.match(await countOf(identity), { 'ES256 staged': 1, 'RS256 staged': 1 })
      const kids = identity.deps.keySet().publicJwks.map((jwk) => jwk.kid)
      for (const region of ['in', 'us'] as const) {
        const token = await identity.post(
          '/oauth/token',
          { grant_type: 'client_credentials' },
          basic(`region-${region}`, REGION_SECRETS[region]),
        )
        await identity.inject({
          method: 'PUT',
          url: `/v1/regions/${region}/keys`,
          headers: { authorization: `Bearer ${token.body['access_token']}` },
          payload: { kids },
        })
      }
      await race(3600)
      t.strictSame(await countOf(identity), {
        'ES256 active': 1,
        'ES256 retiring': 1,
        'RS256 active': 1,
        'RS256 retiring': 1,
      })
      await race(RETIRING_SECONDS)
      t.strictSame(await countOf(identity), { 'ES256 active': 1, 'RS256 active': 1 })
      const refreshed = await refresh(identity, refreshToken)
      if (refreshed.status !== 200) t.fail(refreshed.text)
      refreshToken = refreshed.body['refresh_token']
    }
    t.equal(seen.size, ROUNDS + 1, 'each key has signed')
    const [{ n } = { n: 0 }] = await ask(
      identity,
      "SELECT count(*)::int AS n FROM audit_event WHERE kind = 'key.staged'",
    )
    t.equal(n, 2 * ROUNDS, 'and each was staged once')
    t.notMatch(identity.instances.map((instance) => instance.logText()).join(''), /were not looked after|"level":50/)
  },
)

onPostgresql(
  t,
  'commands at the same time leave one active key an algorithm, and one staged at most',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
    const run =
      (name: CommandName, input: object = {}): Call<unknown> =>
      ({ deps }) =>
        runCommand(deps, name, input, () => {}).catch((error: unknown) => error)
    const staged = await fire(identity, times(8, run('keys stage', { alg: 'ES256' })))
    t.equal(
      staged.filter((result) => (result as { changes?: unknown[] }).changes?.length === 1).length,
      1,
      'one of eight',
    )
    t.strictSame(await countOf(identity), { 'ES256 active': 1, 'ES256 staged': 1, 'RS256 active': 1 })
    for (let round = 0; round < 10; round += 1) {
      await fire(
        identity,
        dealt(
          times(2, run('keys rotate', { emergency: true })),
          times(2, run('keys stage')),
          times(2, run('keys activate')),
          times(2, run('keys retire')),
        ),
      )
      const { 'ES256 active': es, 'RS256 active': rs, 'ES256 staged': staging = 0 } = await countOf(identity)
      t.strictSame([es, rs, staging <= 1], [1, 1, true])
      await follow(identity)
      const replies = await fire(identity, times(4, mint))
      t.strictSame(tallyOf(replies), { '200': 4 })
    }
    const [{ unsaid } = { unsaid: -1 }] = await ask(
      identity,
      "SELECT count(*)::int AS unsaid FROM signing_key WHERE compromised AND kid NOT IN (SELECT subject FROM revocation WHERE kind = 'key')",
    )
    t.equal(unsaid, 0, 'each compromised key was sent as a revocation')
  },
)

onPostgresql(t, 'an emergency also revokes a key that was staged while it waited', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
  const [, second] = identity.instances as [Instance, Instance]
  const isWaiting = async (): Promise<boolean> => {
    const [row] = await ask(
      identity,
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'",
    )
    return Number(row?.['n']) > 0
  }
  const late = await generateSigningKey('ES256', identity.secrets, identity.deps.randomBytes)
  const { emergency, sawItWait } = await identity.db.begin(async (db) => {
    await lockSigningKeys(db)
    const running = runCommand(second.deps, 'keys rotate', { emergency: true, alg: 'ES256' }, () => {})
    for (let look = 0; look < 500 && !(await isWaiting()); look += 1);
    const waits = await isWaiting()
    await stageSigningKey(db, late)
    return { emergency: running, sawItWait: waits }
  }, {})
  await emergency
  t.ok(sawItWait)
  const rows = await ask(identity, 'SELECT status, compromised FROM signing_key WHERE kid = $1::text', [late.kid])
  t.strictSame(rows, [{ status: 'retired', compromised: true }])
})
