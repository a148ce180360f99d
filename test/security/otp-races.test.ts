// SECURITY 1.2 (A14–A18) and section 3 (P9–P11) on two instances at once: attempts and sends are counted by the
// database alone, a code signs in once, and budgets belong to the address whoever asks and however often.
import t, { type Test } from 'tap'
import { onPostgresql, shiftClock } from '../support/databases.ts'
import {
  codeMailedTo,
  type IdentityUnderTest,
  idempotencyKey,
  type Reply,
  redeem,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { answersOnly, ask, type Call, dealt, fire, granted, times, UNHURRIED } from '../support/races.ts'

const OK = '200'
const CODE = '400 invalid_code'
const MORE = '400 insufficient_authorization'
const LIN = 'lin@acme.test'
const HOUR = 3600
const DAY = 86_400

const answer =
  (authSession: string, otp: string, headers = {}): Call =>
  (instance) =>
    instance.post('/oauth/challenge', { client_id: 'native', auth_session: authSession, otp }, headers)

const wrongCodes = (code: string, count: number) =>
  Array.from({ length: count }, (_, index) => String((Number(code) + 1 + index) % 1_000_000).padStart(6, '0'))

async function challenged(identity: IdentityUnderTest, email = LIN) {
  const { authSession, verifier } = await startChallenge(identity, email)
  return { authSession, verifier, code: await codeMailedTo(identity, email) }
}

async function newestChallenge(identity: IdentityUnderTest): Promise<Record<string, unknown>> {
  const [row] = await ask(
    identity,
    `SELECT attempts, consumed_at IS NOT NULL AS consumed,
      (SELECT failures FROM contact_budget b WHERE b.contact_mac = c.contact_mac) AS failures,
      (SELECT count(*) FROM session)::int AS sessions, (SELECT count(*) FROM authorization_code)::int AS codes
    FROM otp_challenge c ORDER BY id DESC LIMIT 1`,
  )
  return row ?? {}
}

const bodiesOf = (replies: readonly Reply[]) =>
  new Set(replies.filter(({ status }) => status === 400).map(({ text }) => text))

const unhurried = async (t: Test, place: Parameters<typeof startIdentity>[1]) =>
  startIdentity(t, place, { instances: 2, settings: UNHURRIED })

await onPostgresql(t, 'five wrong codes end a challenge, however many come at once (A14, P9)', async (t, makePlace) => {
  const identity = await unhurried(t, await makePlace('identity'))
  const bodies = new Set<string>()
  let failures = 0
  for (const [round, headers] of [{}, { 'idempotency-key': idempotencyKey() }].entries()) {
    const { authSession, code } = await challenged(identity)
    const guesses = wrongCodes(code, 200).map((guess) => answer(authSession, guess, headers))
    const replies = await fire(identity, guesses)
    answersOnly(t, replies, [CODE], `round ${round}`)
    for (const guess of wrongCodes(code, 5)) await answer(authSession, guess)(identity)
    failures += 5
    t.match(await newestChallenge(identity), { attempts: 5, consumed: false, failures, sessions: 0 })
    const right = await fire(identity, times(10, answer(authSession, code, headers)))
    answersOnly(t, right, [CODE], 'the right one comes too late')
    for (const text of bodiesOf([...replies, ...right])) bodies.add(text)
    t.match(await newestChallenge(identity), { attempts: 5, sessions: 0, codes: 0, failures })
  }
  t.equal(bodies.size, 1, 'one body for all')
})

await onPostgresql(t, 'the right code among many wrong ones signs in once or not at all', async (t, makePlace) => {
  const identity = await unhurried(t, await makePlace('identity'))
  let sessions = 0
  for (let round = 0; round < 4; round += 1) {
    const { authSession, code } = await challenged(identity)
    const wrong = wrongCodes(code, 60).map((guess) => answer(authSession, guess))
    const replies = await fire(identity, dealt(wrong, times(1 + round * 5, answer(authSession, code))))
    answersOnly(t, replies, [OK, CODE], `round ${round}`)
    const right = granted(replies, 'authorization_code')
    t.ok(right.length <= 1, 'one code at most')
    sessions += right.length
    const after = await newestChallenge(identity)
    t.match(after, { consumed: right.length === 1, sessions, codes: sessions })
    t.ok(Number(after['attempts']) <= 5)
  }
  const { authSession, code } = await challenged(identity)
  for (const guess of wrongCodes(code, 4)) await answer(authSession, guess)(identity)
  t.equal((await answer(authSession, code)(identity)).status, 200, 'the fifth attempt may still be right')
  t.match(await newestChallenge(identity), { failures: 0 }, 'and forgives the wrong ones')
})

await onPostgresql(t, 'one right code, submitted at once, is one session (A15, P10)', async (t, makePlace) => {
  const identity = await unhurried(t, await makePlace('identity'))
  for (let round = 0; round < 6; round += 1) {
    const { authSession, verifier, code } = await challenged(identity)
    const hasKey = round % 2 === 1
    const headers = hasKey ? { 'idempotency-key': idempotencyKey() } : {}
    const replies = await fire(identity, times(50, answer(authSession, code, headers)))
    answersOnly(t, replies, hasKey ? [OK] : [OK, CODE], `round ${round}`)
    const [given = '', ...others] = granted(replies, 'authorization_code')
    t.strictSame(others, [], 'one authorization code')
    if (!hasKey) t.equal(replies.filter(({ status }) => status === 200).length, 1, 'given once without a key')
    t.ok(bodiesOf(replies).size <= 1)
    t.match(await newestChallenge(identity), { sessions: round + 1, codes: round + 1 })
    t.equal((await redeem(identity, { code: given, verifier })).status, 200)
    const late = await fire(identity, times(5, answer(authSession, code, headers)))
    answersOnly(t, late, [CODE], 'nothing more once it was redeemed')
    t.match(await newestChallenge(identity), { sessions: round + 1, codes: round + 1 })
  }
})

/** A challenge for LIN by each of these calls at once. */
const ask50 = (email: string): Call[] => times(50, async (instance) => (await startChallenge(instance, email)).reply)

const mailsFor = async (identity: IdentityUnderTest, address: string) => (await identity.mailTo(address)).length

await onPostgresql(
  t,
  'fifty starts at once are one mail, and answered like an unknown address',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
    const shapes = new Set<string>()
    for (const [address, mails] of [
      [LIN, 1],
      ['stranger@example.test', 0],
    ] as const) {
      const replies = await fire(identity, ask50(address))
      answersOnly(t, replies, [MORE], address)
      for (const { status, body } of replies) {
        if (status === 400) shapes.add(JSON.stringify([status, { ...body, auth_session: '' }]))
      }
      t.equal(await mailsFor(identity, address), mails, address)
      const handles = replies.filter(({ status }) => status === 400).map(({ body }) => String(body['auth_session']))
      t.equal(new Set(handles).size, handles.length, 'each has its own handle')
      if (mails === 0) continue
      const code = await codeMailedTo(identity, address)
      const answers = await fire(
        identity,
        handles.map((handle) => answer(handle, code)),
      )
      t.ok(granted(answers, 'authorization_code').length <= 1, 'the code belongs to one of them')
      t.match(await newestChallenge(identity), { sessions: granted(answers, 'authorization_code').length })
    }
    t.equal(shapes.size, 1, 'one shape of answer')
  },
)

await onPostgresql(t, 'another code comes after 60 s, and ends the one before (A18)', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
  const first = await challenged(identity)
  const resend = async () => (await startChallenge(identity, LIN, { auth_session: first.authSession })).reply
  await shiftClock(identity.db, 20)
  const early = await resend()
  t.equal(early.body['auth_session'], first.authSession, 'too soon: the same handle')
  t.ok(early.body['resend_in'] > 0 && early.body['resend_in'] <= 40, `wait ${early.body['resend_in']} s`)
  const anew = await startChallenge(identity, LIN)
  t.not(anew.authSession, first.authSession)
  t.equal(await mailsFor(identity, LIN), 1, 'and no mail, with the handle or without')
  await shiftClock(identity.db, 61)
  const replies = await fire(identity, times(20, resend))
  answersOnly(t, replies, [MORE], 'resend')
  t.equal(await mailsFor(identity, LIN), 2, 'in time: one more mail')
  const newest = await codeMailedTo(identity, LIN)
  const handles = replies
    .map(({ body }) => String(body['auth_session']))
    .filter((handle) => handle !== first.authSession)
  const old = await fire(identity, [answer(first.authSession, first.code), answer(anew.authSession, first.code)])
  answersOnly(t, old, [CODE], 'the old code is over')
  const answers = await fire(
    identity,
    handles.map((handle) => answer(handle, newest)),
  )
  t.equal(granted(answers, 'authorization_code').length, 1, 'the newest works')
})

await onPostgresql(
  t,
  'five mails an hour and ten a day, however often it is asked (A16, A17)',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'), { instances: 2 })
    let now = 0
    let handle = ''
    const sent: number[] = []
    const askAt = async (seconds: number) => {
      now = seconds
      await shiftClock(identity.db, now)
      const before = await mailsFor(identity, LIN)
      const again = { auth_session: handle }
      const replies = await fire(identity, [
        ...times(4, async (instance) => (await startChallenge(instance, LIN, handle === '' ? {} : again)).reply),
        async (instance) => (await startChallenge(instance, LIN, { client_id: 'other' })).reply,
      ])
      answersOnly(t, replies, [MORE], `at ${seconds} s`)
      handle = String(replies[0]?.body['auth_session'] ?? handle)
      const mails = (await mailsFor(identity, LIN)) - before
      if (mails > 0) sent.push(seconds)
      t.ok(mails <= 1, 'one mail at a time')
      return mails === 1
    }
    for (let index = 0; index < 8; index += 1) t.equal(await askAt(index * 61), index < 5, `minute ${index}`)
    t.notOk(await askAt(HOUR - 30), 'the hour is not over')
    for (let index = 0; index < 8; index += 1) {
      t.equal(await askAt(HOUR + 5 * 61 + index * 61), index < 5, `second hour, minute ${index}`)
    }
    for (const hours of [3, 10, 23]) t.notOk(await askAt(hours * HOUR), `ten are spent: hour ${hours}`)
    t.equal(sent.length, 10)
    t.ok(await askAt(DAY + 5), 'a day after the first there is one again')
    t.notOk(await askAt(DAY + 5 + 10), 'one')
    t.ok(await askAt(3 * DAY), 'after the day the budget is back')
    const fresh = await codeMailedTo(identity, LIN)
    t.match(fresh, /^[0-9]{6}$/)
  },
)

await onPostgresql(
  t,
  'after 100 wrong answers in a row an address gets one mail a day, and a right one ends that',
  async (t, makePlace) => {
    const identity = await unhurried(t, await makePlace('identity'))
    const guessAll = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        const { authSession, code } = await challenged(identity)
        for (const guess of wrongCodes(code, 5)) await answer(authSession, guess)(identity)
      }
    }
    await guessAll(19)
    t.match(await newestChallenge(identity), { failures: 95 })
    const before = await mailsFor(identity, LIN)
    await guessAll(1)
    t.equal(await mailsFor(identity, LIN), before + 1, 'the 100th wrong answer still had its mail')
    await fire(identity, ask50(LIN).slice(0, 10))
    t.equal(await mailsFor(identity, LIN), before + 1, 'then none')
    await shiftClock(identity.db, DAY + 10)
    await fire(identity, ask50(LIN).slice(0, 10))
    t.equal(await mailsFor(identity, LIN), before + 2, 'one a day')
    await shiftClock(identity.db, 2 * DAY + 20)
    const { authSession, code } = await challenged(identity)
    t.equal((await answer(authSession, code)(identity)).status, 200, 'and its owner gets in with it')
    await challenged(identity)
    t.equal(await mailsFor(identity, LIN), before + 4, 'the next comes at once again')
  },
)
