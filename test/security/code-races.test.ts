// SECURITY 1.1 (A1, A2, A4, A6, A7) and section 3 (P13) on two instances at once: an authorization code opens one
// family at most, the same request is answered the same, a replay closes what was opened, and a failed check nothing.
import t, { type Test } from 'tap'
import { onPostgresql, shiftClock } from '../support/databases.ts'
import {
  authorize,
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  redeem as sendRedemption,
  refresh as sendRefresh,
  signIn,
  startIdentity,
  verifierOf,
} from '../support/identity.ts'
import {
  answersOnly,
  ask,
  type Call,
  dealt,
  familyFacts,
  fire,
  granted,
  patiently,
  times,
  UNHURRIED,
} from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const OK = '200'
const GRANT = '400 invalid_grant'
const LIN = 'lin@acme.test'
const REGION = { resource: IN, org_id: 'acme' }
const grant400 = { status: 400, error: 'invalid_grant' }
const redeem: typeof sendRedemption = (...request) => patiently(() => sendRedemption(...request))
const refresh: typeof sendRefresh = (...request) => patiently(() => sendRefresh(...request))
const withKey = (key = idempotencyKey()) => ({ 'idempotency-key': key })

type Authorized = Awaited<ReturnType<typeof authorize>>
const present =
  (authorized: Authorized, form = {}, headers = {}): Call =>
  (instance) =>
    sendRedemption(instance, authorized, form, headers)

type FamilyRow = { id: string; counter: number; live: boolean; revocations: number; events: number }

/** The families of the newest session, and what was told about it. */
async function familiesOfNewestSession(identity: IdentityUnderTest): Promise<readonly FamilyRow[]> {
  const rows = await ask(
    identity,
    `SELECT f.id::text, f.counter, f.revoked_at IS NULL AND s.revoked_at IS NULL AS live,
      (SELECT count(*) FROM revocation WHERE kind = 'session' AND subject = s.id::text)::int AS revocations,
      (SELECT count(*) FROM audit_event WHERE session_id = s.id AND kind = 'code.replayed')::int AS events
    FROM session s JOIN refresh_token_family f ON f.session_id = s.id
    WHERE s.id = (SELECT id FROM session ORDER BY id DESC LIMIT 1)`,
  )
  return rows as readonly FamilyRow[]
}

const start = async (t: Test, place: Parameters<typeof startIdentity>[1]) =>
  startIdentity(t, place, { instances: 2, settings: UNHURRIED })

await onPostgresql(
  t,
  'a code redeemed at once without a key opens one family, and the replays end it (A2)',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    for (let round = 0; round < 5; round += 1) {
      const title = `round ${round}`
      const authorized = await authorize(identity, LIN)
      const replies = await fire(
        identity,
        Array.from({ length: 50 }, () =>
          present(authorized, round % 2 === 0 ? {} : REGION, round % 4 < 2 ? {} : withKey()),
        ),
      )
      answersOnly(t, replies, [OK, GRANT], title)
      t.ok(replies.filter(({ status }) => status === 200).length <= 1, `${title}: one is answered`)
      await redeem(identity, authorized)
      await redeem(identity, authorized)
      t.match(await familiesOfNewestSession(identity), [{ counter: 0, live: false, revocations: 1, events: 1 }], title)
      for (const token of granted(replies))
        t.equal((await refresh(identity, token)).status, 400, `${title}: and it is dead`)
    }
  },
)

await onPostgresql(
  t,
  'a code redeemed at once with one key gives everybody the same refresh token',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    for (let round = 0; round < 4; round += 1) {
      const title = `round ${round}`
      const authorized = await authorize(identity, LIN)
      const key = withKey()
      const replies = await fire(identity, times(50, present(authorized, round % 2 === 0 ? {} : REGION, key)))
      answersOnly(t, replies, [OK], title)
      const [token = '', ...others] = granted(replies)
      t.strictSame(others, [], `${title}: one refresh token`)
      t.match(await familiesOfNewestSession(identity), [{ counter: 0, live: true, revocations: 0, events: 0 }], title)
      const next = String((await refresh(identity, token)).body['refresh_token'])
      t.equal((await refresh(identity, next)).status, 200, `${title}: it works`)
      const late = await fire(identity, times(10, present(authorized, {}, key)))
      answersOnly(t, late, [GRANT], `${title}: no more once it was used`)
    }
  },
)

await onPostgresql(
  t,
  'a repeated redemption beside the first rotation gets the first token or none',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    for (let round = 0; round < 12; round += 1) {
      const authorized = await authorize(identity, LIN)
      const key = withKey()
      const first = String((await redeem(identity, authorized, {}, key)).body['refresh_token'])
      const repeats = times(6, present(authorized, round % 2 === 0 ? {} : REGION, key))
      const rotate: Call = (instance) => sendRefresh(instance, first)
      const isFirst = round % 2 === 0
      const replies = await fire(identity, isFirst ? [rotate, ...repeats] : dealt(repeats, [rotate]))
      const ofRepeats = replies.filter((_, index) => index !== (isFirst ? 0 : 1))
      answersOnly(t, replies, [OK, GRANT], `round ${round}`)
      t.strictSame(
        granted(ofRepeats).filter((token) => token !== first),
        [],
        'never a newer one',
      )
      t.equal((await familiesOfNewestSession(identity)).length, 1)
    }
  },
)

await onPostgresql(t, 'a replay at once, 1 s or 30 s later ends family and session (A1)', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (const [index, seconds] of [0, 1, 30].entries()) {
    const title = `${seconds} s later`
    const began = index * 100
    await shiftClock(identity.db, began)
    const authorized = await authorize(identity, LIN)
    const { body } = await redeem(identity, authorized)
    const head = String((await refresh(identity, String(body['refresh_token']))).body['refresh_token'])
    await shiftClock(identity.db, began + seconds)
    const replays = await fire(identity, times(20, present(authorized)))
    answersOnly(t, replays, [GRANT], title)
    t.match(
      await familyFacts(identity, head),
      { family_end: 'code_replay', session_end: 'code_replay', revocations: 1, events: 1 },
      title,
    )
    for (const token of [String(body['refresh_token']), head]) {
      t.equal((await refresh(identity, token)).status, 400, title)
    }
    t.equal((await identity.get('/v1/me', body['access_token'])).status, 401, `${title}: its account token is over`)
    const exchanged = await exchange(identity, body['access_token'], REGION)
    t.strictSame(granted([exchanged], 'access_token'), [], title)
    const again = await signIn(identity, LIN)
    t.equal((await refresh(identity, again.body['refresh_token'])).status, 200, `${title}: and the person signs in`)
  }
})

await onPostgresql(
  t,
  'failed checks beside the rightful redemption take nothing from it (A4, A6)',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    for (let round = 0; round < 6; round += 1) {
      const authorized = await authorize(identity, LIN)
      const wrong: Call[] = [
        ...times(6, present({ ...authorized, verifier: verifierOf() })),
        ...times(6, present(authorized, { client_id: 'other' })),
        ...times(6, present(authorized, { redirect_uri: 'https://app.example.test/back' })),
        ...times(6, present({ ...authorized, code: `${authorized.code.slice(0, -2)}AA` })),
      ]
      const replies = await fire(identity, dealt(wrong, [present(authorized)]))
      answersOnly(t, replies, [OK, GRANT], `round ${round}`)
      const [token = ''] = granted(replies)
      t.match(await familiesOfNewestSession(identity), [{ live: true, revocations: 0, events: 0 }], 'one family, alive')
      answersOnly(t, await fire(identity, wrong), [GRANT], 'afterwards')
      t.equal((await refresh(identity, token)).status, 200, 'the rightful holder goes on, failed replays or not')
    }
  },
)

await onPostgresql(t, 'a refused redemption leaves everything, and the code redeemable', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const authorized = await authorize(identity, LIN)
  const other = await authorize(identity, 'sam@both.test')
  const refused: readonly [string, Call, { status: number; error: string }][] = [
    ['a wrong verifier', present({ ...authorized, verifier: verifierOf() }), grant400],
    ['the verifier of another code', present({ ...authorized, verifier: other.verifier }), grant400],
    ['another client', present(authorized, { client_id: 'other' }), grant400],
    [
      'a target that admits nobody',
      present(authorized, { resource: IN, org_id: 'globex' }),
      { status: 400, error: 'invalid_target' },
    ],
  ]
  for (const [title, call, expected] of refused) await refuses(t, identity, title, () => call(identity), expected)
  t.equal((await redeem(identity, authorized, REGION)).status, 200, 'the rightful redemption')

  await shiftClock(identity.db, 61)
  await refuses(t, identity, 'an expired code (A7)', () => redeem(identity, other), grant400)
  await refuses(t, identity, 'an expired code that was redeemed', () => redeem(identity, authorized), grant400)
  await shiftClock(identity.db, 40)
  const late = await redeem(identity, other)
  t.equal(late.status, 200, 'in time')
  t.match(claimsOf(late.body['access_token']), { client_id: 'native' })
})

await onPostgresql(
  t,
  'a person disabled between code and redemption gets nothing, however often at once',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const authorized = await authorize(identity, LIN)
    const disable: Call<undefined> = async () => {
      await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = '${LIN}'`)
    }
    await disable(identity)
    answersOnly(t, await fire(identity, times(20, present(authorized))), [GRANT], 'refused')
    t.strictSame(await familiesOfNewestSession(identity), [], 'no family')
  },
)
