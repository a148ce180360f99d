// SECURITY 1.3 (A26, A27, A31, A33) and section 3 (P1, P3, P6, P7) on two instances at once: however many hold the
// same refresh token and whatever happens beside them, one line of tokens lives, and after theft or sign-out none.
import t, { type Test } from 'tap'
import { onPostgresql, shiftClock } from '../support/databases.ts'
import {
  authorize,
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  type Instance,
  idempotencyKey,
  type Reply,
  redeem,
  refresh as sendRefresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import {
  answersOnly,
  ask,
  type Call,
  dealt,
  familyFacts,
  fire,
  granted,
  patiently,
  tallyOf,
  times,
  UNHURRIED,
} from '../support/races.ts'

const OK = '200'
const GRANT = '400 invalid_grant'
const TARGET = '400 invalid_target'
const LIN = 'lin@acme.test'
const ACCOUNT = {}
const REGION = { resource: IN, org_id: 'acme' }
const refresh: typeof sendRefresh = (...request) => patiently(() => sendRefresh(...request))
const withKey = (key = idempotencyKey()) => ({ 'idempotency-key': key })
const present =
  (token: string, form = {}, headers = {}): Call =>
  (instance) =>
    sendRefresh(instance, token, form, headers)
const revoke =
  (token: string): Call =>
  (instance) =>
    instance.post('/oauth/revoke', { client_id: 'native', token })

async function signedIn(
  identity: IdentityUnderTest,
  email = LIN,
  form = {},
): Promise<{ token: string; access: string }> {
  // Notices of earlier rounds go out first: what is mailed next is the code.
  await identity.mailTo(email)
  const { body } = await signIn(identity, email, form)
  return { token: String(body['refresh_token']), access: String(body['access_token']) }
}

async function rotated(identity: IdentityUnderTest, token: string, form = {}, headers = {}): Promise<string> {
  const reply = await refresh(identity, token, form, headers)
  if (reply.status !== 200) throw new Error(reply.text)
  return String(reply.body['refresh_token'])
}

const isReply = (reply: Reply | undefined) => reply !== undefined

/** None of these tokens, whoever got them and whenever, can be used for anything. */
async function allDead(t: Test, identity: IdentityUnderTest, tokens: readonly string[], accesses: readonly string[]) {
  const after = await fire(
    identity,
    tokens.flatMap((token) => [present(token), present(token, REGION, withKey())]),
  )
  answersOnly(t, after, [GRANT], 'no refresh token works')
  const exchanges = await fire(
    identity,
    accesses.map((access) => (instance) => exchange(instance, access, REGION)),
  )
  t.equal(granted(exchanges, 'access_token').length, 0, 'no access token can be exchanged')
}

const start = async (t: Test, place: Parameters<typeof startIdentity>[1]) =>
  startIdentity(t, place, { instances: 2, settings: UNHURRIED })

await onPostgresql(t, 'one refresh token presented at once has one successor (A26)', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  let { token } = await signedIn(identity)
  const shared = withKey()
  const rounds: readonly [string, number, (index: number) => object, (index: number) => object][] = [
    ['50 without a key', 50, () => ACCOUNT, () => ({})],
    ['200 without a key', 200, () => ACCOUNT, () => ({})],
    ['50 with the same key', 50, () => ACCOUNT, () => shared],
    ['100 with the same key', 100, () => ACCOUNT, () => shared],
    ['50, each with its own key', 50, () => ACCOUNT, () => withKey()],
    ['50 for a region', 50, () => REGION, () => ({})],
    ['50 for a region with the same key', 50, () => REGION, () => shared],
    ['50 for account and region in turn', 50, (index) => (index % 2 === 0 ? ACCOUNT : REGION), () => ({})],
  ]
  for (const [title, count, form, headers] of rounds) {
    const before = await familyFacts(identity, token)
    const calls = Array.from({ length: count }, (_, index) => present(token, form(index), headers(index)))
    const foreign = times(3, present(token, { client_id: 'other' }))
    const replies = await fire(identity, [...foreign, ...calls])
    answersOnly(t, replies.splice(0, foreign.length), [GRANT], `${title}: another client`)
    answersOnly(t, replies, [OK], title)
    const successors = granted(replies)
    t.equal(successors.length, 1, `${title}: one new value exists`)
    t.not(successors[0], token, `${title}: and it is new`)
    const after = await familyFacts(identity, token)
    t.equal(after.counter, before.counter + 1, `${title}: one rotation`)
    t.match(after, { family_end: null, session_end: null, revocations: 0, notices: 0 }, `${title}: no false alarm`)
    token = await rotated(identity, successors[0] ?? '')
    t.equal((await familyFacts(identity, token)).counter, before.counter + 2, `${title}: the successor works`)
  }
})

await onPostgresql(t, 'a lost answer can be asked for again, and only that one', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const { token } = await signedIn(identity)
  const key = withKey()
  const next = await rotated(identity, token, REGION, key)
  await shiftClock(identity.db, 89 * 86_400)
  const late = await fire(identity, times(50, present(token, ACCOUNT, key)))
  answersOnly(t, late, [OK], 'weeks later, with the key')
  t.strictSame(granted(late), [next], 'the same successor')
  t.equal((await familyFacts(identity, token)).counter, 1, 'nothing was rotated')
  const newest = await rotated(identity, next)
  const used = await fire(identity, times(50, present(token, ACCOUNT, key)))
  answersOnly(t, used, [GRANT], 'once the head was used the key excuses nothing')
  t.match(await familyFacts(identity, token), { family_end: 'reuse', session_end: 'reuse', revocations: 1, events: 1 })
  await allDead(t, identity, [token, next, newest], [])
})

await onPostgresql(
  t,
  'a predecessor beside the rotating head gets that very head or ends the family',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const outcomes = { lived: 0, died: 0 }
    for (let round = 0; round < 16; round += 1) {
      const first = await signedIn(identity)
      const head = await rotated(identity, first.token)
      const old = times(round % 2 === 0 ? 12 : 3, present(first.token))
      // The head comes a little later each round: among the first, in the middle, after the last.
      const delayed: Call = async (instance) => {
        for (let request = 0; request < round * 2; request += 1) await instance.get('/oauth/jwks')
        return sendRefresh(instance, head)
      }
      const replies = await fire(identity, [...old, delayed])
      const isHead = (index: number) => index === old.length
      const ofOld = replies.filter((_, index) => !isHead(index))
      const ofHead = replies.filter((_, index) => isHead(index))
      t.strictSame(
        granted(ofOld).filter((value) => value !== head),
        [],
        'never anything newer than the head',
      )
      answersOnly(t, replies, [OK, GRANT], `round ${round}`)
      const facts = await familyFacts(identity, head)
      const isDead = facts.family_end !== null
      t.equal(isDead, tallyOf(ofOld)[GRANT] !== undefined, 'refused to any of them: dead for all')
      outcomes[isDead ? 'died' : 'lived'] += 1
      t.equal(facts.revocations, isDead ? 1 : 0)
      if (isDead) await allDead(t, identity, [first.token, head, ...granted(ofHead)], [first.access])
      else t.equal((await refresh(identity, granted(ofHead)[0] ?? head)).status, 200)
    }
    t.comment(JSON.stringify(outcomes))
    t.ok(outcomes.died + outcomes.lived > 0)
  },
)

await onPostgresql(t, 'reuse ends everything, also a head that rotates meanwhile (A27, P3)', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (let round = 0; round < 8; round += 1) {
    const first = await signedIn(identity)
    const second = await rotated(identity, first.token)
    const head = await rotated(identity, second, REGION)
    const before = (await familyFacts(identity, head)).notices
    const thief = times(10, present(first.token, round % 2 === 0 ? ACCOUNT : REGION, round % 4 < 2 ? {} : withKey()))
    const owner = times(10, present(head, round % 3 === 0 ? REGION : ACCOUNT))
    const replies = await fire(identity, dealt(thief, owner))
    answersOnly(t, replies, [OK, GRANT], `round ${round}`)
    const ofThief = replies.filter((_, index) => index % 2 === 0)
    t.strictSame(granted(ofThief), [], 'the spent token opened nothing')
    await refresh(identity, first.token)
    const facts = await familyFacts(identity, head)
    t.match(facts, { family_end: 'reuse', session_end: 'reuse', revocations: 1, events: 1 })
    t.equal(facts.notices, before + 1, 'the owner is told, once')
    const accesses = replies.flatMap(({ body }) => (claimsOfAccount(body) ? [String(body['access_token'])] : []))
    await allDead(t, identity, [first.token, second, head, ...granted(replies)], [first.access, ...accesses])
    t.equal((await identity.get('/v1/me', first.access)).status, 401)
  }
  const [mail] = await identity.mailTo(LIN)
  t.match(mail?.subject, /ended one of your/)
  t.equal((await refresh(identity, (await signedIn(identity)).token)).status, 200, 'the owner signs in again')
})

function claimsOfAccount(body: Record<string, unknown>): boolean {
  return body['access_token'] !== undefined && claimsOf(body['access_token'])['org_id'] === undefined
}

await onPostgresql(
  t,
  'a spent token is reuse after the grace period, for all who hold it, and told once',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const { token, access } = await signedIn(identity)
    const head = await rotated(identity, token, ACCOUNT, withKey())
    await shiftClock(identity.db, 15)
    t.strictSame(granted(await fire(identity, times(20, present(token)))), [head], 'within: the same successor')
    await shiftClock(identity.db, 31)
    const replies = await fire(identity, times(50, present(token, ACCOUNT, withKey())))
    answersOnly(t, replies, [GRANT], 'afterwards')
    t.match(await familyFacts(identity, token), {
      family_end: 'reuse',
      session_end: 'reuse',
      revocations: 1,
      events: 1,
      notices: 1,
    })
    await allDead(t, identity, [token, head], [access])
  },
)

await onPostgresql(t, 'after sign-out nothing works, whatever was refreshing meanwhile', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  for (let round = 0; round < 8; round += 1) {
    const first = await signedIn(identity)
    const head = await rotated(identity, first.token)
    const refreshing = times(8, present(head, round % 2 === 0 ? ACCOUNT : REGION))
    const leaving = times(1 + (round % 3), revoke(round % 4 === 0 ? first.token : head))
    const isFirst = round % 2 === 0
    const replies = await fire(identity, isFirst ? [...leaving, ...refreshing] : dealt(refreshing, leaving))
    answersOnly(t, replies, [OK, GRANT], `round ${round}`)
    t.equal((await patiently(() => revoke(head)(identity))).status, 200)
    const facts = await familyFacts(identity, head)
    t.match(facts, { family_end: 'signed_out', session_end: 'signed_out', revocations: 1, events: 0, notices: 0 })
    const successors = granted(replies).filter((value) => value !== 'undefined')
    t.ok(successors.length <= 1)
    await allDead(t, identity, [first.token, head, ...successors], [first.access])
  }
})

await onPostgresql(
  t,
  'a person, session or client that is gone ends the family, also between two refreshes',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const gone: readonly [string, string, string, string][] = [
      [
        'user disabled',
        '400 invalid_grant',
        `UPDATE user_account SET status = 'disabled' WHERE email = '${LIN}'`,
        `UPDATE user_account SET status = 'active'`,
      ],
      [
        'session revoked',
        '400 invalid_grant',
        `UPDATE session SET revoked_at = now(), revoked_reason = 'signed_out' WHERE id = $1::uuid`,
        '',
      ],
      [
        'client deleted',
        '401 invalid_client',
        `UPDATE client SET status = 'deleted' WHERE id = 'other'`,
        `UPDATE client SET status = 'active'`,
      ],
    ]
    for (const [title, answer, sql, undo] of gone) {
      const moments = [
        [ACCOUNT, 'during'],
        [REGION, 'during'],
        [ACCOUNT, 'between'],
        [REGION, 'between'],
      ] as const
      for (const [target, moment] of moments) {
        const own = { client_id: 'other', ...target }
        const { token } = await signedIn(identity, LIN, { client_id: 'other' })
        const head = await rotated(identity, token, { client_id: 'other' })
        const { sid } = await familyFacts(identity, head)
        const end: Call<undefined> = async () => {
          await ask(identity, sql, sql.includes('$1') ? [sid] : [])
        }
        if (moment === 'between') {
          await end(identity)
          answersOnly(t, [await refresh(identity, head, own)], [answer], `${title}: the head alone`)
        }
        const calls = dealt<Reply | undefined>(times(12, present(head, own)), [end])
        const mixed = (await fire<Reply | undefined>(identity, calls)).filter(isReply)
        answersOnly(t, mixed, moment === 'during' ? [OK, GRANT, answer] : [answer], title)
        const known = [token, head, ...granted(mixed)]
        const after = await fire(
          identity,
          known.map((value) => present(value, own, withKey())),
        )
        answersOnly(t, after, [answer], `${title}: not one more token`)
        t.equal((await familyFacts(identity, head)).notices, 0, `${title}: nobody is accused of theft`)
        if (undo !== '') await ask(identity, undo)
        if (answer !== GRANT) continue
        const later = await fire(
          identity,
          known.map((value) => present(value, own)),
        )
        answersOnly(t, later, [GRANT], `${title}: dead for good`)
        t.not((await familyFacts(identity, head)).family_end, null)
      }
    }
  },
)

await onPostgresql(t, 'a context that is gone costs nothing but itself (A33)', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  await letManagersGo(identity)
  const SAM = 'sam@both.test'
  const globex = { resource: US, org_id: 'globex' }
  const member = `user_id = (SELECT id FROM user_account WHERE email = '${SAM}')`
  const acme = `(SELECT id FROM organization WHERE slug = 'acme')`
  const gone: readonly [string, string, string][] = [
    [
      'membership removed',
      `UPDATE membership SET status = 'removed', version = version + 1 WHERE ${member} AND org_id = ${acme}`,
      `UPDATE membership SET status = 'active' WHERE ${member}`,
    ],
    [
      'membership suspended',
      `UPDATE membership SET status = 'suspended', version = version + 1 WHERE ${member} AND org_id = ${acme}`,
      `UPDATE membership SET status = 'active' WHERE ${member}`,
    ],
    [
      'organization suspended',
      `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`,
      `UPDATE organization SET status = 'active'`,
    ],
    [
      'organization deleted',
      `UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE slug = 'acme'`,
      `UPDATE organization SET status = 'active', deleted_at = NULL`,
    ],
    [
      'organization withdrawn from the region',
      `UPDATE organization_region SET status = 'withdrawn' WHERE org_id = ${acme} AND region = 'in'`,
      `UPDATE organization_region SET status = 'active'`,
    ],
    [
      'region withdrawn',
      `UPDATE region SET status = 'withdrawn' WHERE code = 'in'`,
      `UPDATE region SET status = 'active'`,
    ],
  ]
  for (const [title, sql, undo] of gone) {
    const { token, access } = await signedIn(identity, SAM)
    const unknown = await refresh(identity, token, { resource: IN, org_id: 'does-not-exist' })
    t.strictSame(tallyOf([unknown]), { [TARGET]: 1 })
    const end: Call<undefined> = async () => {
      await ask(identity, sql)
    }
    const mixed = (
      await fire<Reply | undefined>(identity, dealt<Reply | undefined>(times(12, present(token, REGION)), [end]))
    ).filter(isReply)
    answersOnly(t, mixed, [OK, TARGET], title)
    t.ok(granted(mixed).length <= 1, `${title}: one successor at most`)
    const before = await familyFacts(identity, token)
    t.equal(before.counter, granted(mixed).length, `${title}: a refusal rotates nothing`)
    const head = granted(mixed)[0] ?? token
    const refusals = await fire(identity, [
      ...times(6, present(head, REGION)),
      ...times(3, present(token, REGION)),
      (instance) => exchange(instance, access, REGION),
    ])
    answersOnly(t, refusals, [TARGET], title)
    const bodies = new Set(refusals.filter(({ status }) => status === 400).map(({ text }) => text))
    t.strictSame([...bodies], [unknown.text], `${title}: the bytes of an unknown one`)
    t.strictSame(await familyFacts(identity, token), before, `${title}: nothing rotated, nothing revoked`)
    t.equal((await exchange(identity, access, globex)).status, 200, `${title}: the other context lives on`)
    const account = await rotated(identity, head)
    t.match(claimsOf((await refresh(identity, account, globex)).body['access_token']), { aud: US, region: 'us' })
    await ask(identity, undo)
  }
})

await onPostgresql(
  t,
  'a restart forgets nothing: a spent token is reuse afterwards too (A31)',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const identity = await start(t, place)
    const { secrets } = identity
    const { token } = await signedIn(identity)
    const head = await rotated(identity, await rotated(identity, token))
    const code = await authorize(identity, 'max@globex.test')
    t.equal((await redeem(identity, code)).status, 200)
    await identity.close()
    const again = await startIdentity(t, place, { instances: 2, settings: UNHURRIED, secrets })
    t.equal((await redeem(again, code)).status, 400, 'a spent code is still spent')
    t.equal((await refresh(again, token)).status, 400)
    t.match(await familyFacts(again, head), { family_end: 'reuse', session_end: 'reuse', revocations: 1 })
    await allDead(t, again, [token, head], [])
  },
)

const HOLD_MS = 1850
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

await onPostgresql(t, 'a request whose time ran out in the queue accuses nobody afterwards', async (t, makePlace) => {
  const settings = { instances: 2, settings: UNHURRIED, poolSize: 1 }
  const identity = await startIdentity(t, await makePlace('identity'), settings)
  const [quick, busy] = identity.instances as [Instance, Instance]
  const { token } = await signedIn(identity)
  const head = await rotated(identity, token)
  // The busy instance's one connection is taken again before each of the request's turns, until its 5 s are over.
  const hold = () => busy.deps.db.begin(() => pause(HOLD_MS), { timeoutMs: 4000 }).catch(() => undefined)
  const first = hold()
  await pause(50)
  const waiting = sendRefresh(busy, token)
  await pause(50)
  const second = hold()
  await first
  await pause(30)
  const third = hold()
  t.equal((await waiting).status, 503, 'put off')
  const { status, body } = await refresh(quick, head)
  t.equal(status, 200, 'another tab goes on meanwhile')
  await Promise.all([second, third])
  await busy.app.close()
  t.match(await familyFacts(identity, head), { counter: 2, family_end: null, session_end: null, events: 0, notices: 0 })
  t.equal((await refresh(quick, String(body['refresh_token']))).status, 200, 'and still is signed in')
  t.equal((await refresh(quick, token)).status, 400, 'while in its own time the same request is theft')
  t.match(await familyFacts(identity, head), { family_end: 'reuse', events: 1 })
})
