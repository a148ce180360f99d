// SECURITY 1.2 and 1.13: one-time codes under bad input, and what starting a sign-in must not tell.
import { randomInt } from 'node:crypto'
import t from 'tap'
import { generateCode, normalizeCode } from '../../services/identity/src/login/one-time-code.ts'
import { dumpOf } from '../support/database-dump.ts'
import { embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import { codeMailedTo, type IdentityUnderTest, type Reply, startChallenge, startIdentity } from '../support/identity.ts'
import { refuses } from '../support/refusal.ts'

const code400 = { status: 400, error: 'invalid_code' }
const request400 = { status: 400, error: 'invalid_request' }

function answer(identity: IdentityUnderTest, authSession: string, otp: string, client = 'native'): Promise<Reply> {
  return identity.post('/oauth/challenge', { client_id: client, auth_session: authSession, otp })
}

const wrong = (code: string) => String((Number(code) + 1 + randomInt(999_998)) % 1_000_000).padStart(6, '0')

t.test('only the mailed six digits answer a challenge, whatever else is typed (A20)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { authSession } = await startChallenge(identity, 'lin@acme.test')
  const code = await codeMailedTo(identity, 'lin@acme.test')
  const bodies = new Set<string>()
  for (const otp of ['000', '1234567', 'abcdef', '{"not":""}', '[]', 'null', '１２３４５６', ' ', '%00', `${code}1`]) {
    bodies.add(
      (await refuses(t, identity, JSON.stringify(otp), () => answer(identity, authSession, otp), code400)).text,
    )
  }
  bodies.add(
    (await refuses(t, identity, 'a wrong code', () => answer(identity, authSession, wrong(code)), code400)).text,
  )
  bodies.add(
    (await refuses(t, identity, 'an unknown handle', () => answer(identity, `as1.o1.${'A'.repeat(43)}`, code), code400))
      .text,
  )
  bodies.add((await refuses(t, identity, 'garbage for a handle', () => answer(identity, 'x', code), code400)).text)
  bodies.add(
    (await refuses(t, identity, 'another client', () => answer(identity, authSession, code, 'other'), code400)).text,
  )
  t.equal(bodies.size, 1, 'one body, whatever the reason')
  await refuses(t, identity, 'empty', () => answer(identity, authSession, ''), request400)
  const twice = () =>
    identity.inject({
      method: 'POST',
      url: '/oauth/challenge',
      payload: `client_id=native&auth_session=${authSession}&otp=${code}&otp=${code}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  await refuses(t, identity, 'twice', twice, request400)
  const typed = `${code.slice(0, 3)} ${code.slice(3)}\n`
  t.equal((await answer(identity, authSession, typed)).status, 200, 'spaces that came along with a paste do no harm')
  await refuses(t, identity, 'a second time', () => answer(identity, authSession, code), code400)
})

t.test('a start that names no good address, method, challenge, client or target is refused', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const start = (form: Record<string, string>) => async () =>
    (await startChallenge(identity, 'lin@acme.test', form)).reply
  for (const contact of [
    '',
    'x',
    'a@b',
    'a b@c.test',
    'a@b.test\r\nbcc: c@d.test',
    `${'a'.repeat(250)}@b.test`,
    'a@b.test, c@d.test',
  ]) {
    await refuses(t, identity, JSON.stringify(contact), start({ contact }), request400)
  }
  await refuses(t, identity, 'sms', start({ method: 'sms', contact: '+15550100' }), {
    status: 400,
    error: 'method_not_supported',
  })
  await refuses(t, identity, 'an unknown method', start({ method: 'fax' }), request400)
  await refuses(t, identity, 'plain PKCE (A48)', start({ code_challenge_method: 'plain' }), request400)
  await refuses(t, identity, 'no PKCE (A5)', start({ code_challenge: '' }), request400)
  await refuses(t, identity, 'an unknown client', start({ client_id: 'unknown' }), {
    status: 401,
    error: 'invalid_client',
  })
  await refuses(t, identity, 'a third party', start({ client_id: 'third-party' }), {
    status: 400,
    error: 'unauthorized_client',
  })
  await refuses(t, identity, 'an unknown scope', start({ scope: 'admin' }), { status: 400, error: 'invalid_scope' })
  await refuses(t, identity, 'half a target', start({ resource: 'https://api.in.example.test' }), {
    status: 400,
    error: 'invalid_target',
  })
  const foreign = async () =>
    (await startChallenge(identity, 'lin@acme.test', { client_id: 'spa' }, { origin: 'https://evil.test' })).reply
  await refuses(t, identity, 'a foreign origin', foreign, { status: 400, error: 'unauthorized_client' })
  t.equal((await start({})()).body['error'], 'insufficient_authorization')
})

t.test('known, unknown and disabled addresses get the same bytes and the same rows (A108)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await identity.db.prisma.userAccount.update({ where: { email: 'sam@both.test' }, data: { status: 'disabled' } })
  const rows = async () => {
    const [counts] = await identity.db.sql(
      {
        name: 'count_start_rows',
        text: `SELECT (SELECT count(*) FROM otp_challenge)::int AS challenges, (SELECT count(*) FROM contact_budget)::int AS budgets,
          (SELECT count(*) FROM mail_outbox)::int AS mails, (SELECT count(*) FROM audit_event)::int AS events,
          (SELECT max(octet_length(sealed_mail)) - min(octet_length(sealed_mail)) FROM mail_outbox)::int AS spread`,
      },
      [],
    )
    return counts
  }
  const shapes = new Set<string>()
  for (const address of ['lin@acme.test', 'unknown@acme.test', 'sam@both.test', 'x@y.example']) {
    const before = await rows()
    const { reply } = await startChallenge(identity, address)
    const after = await rows()
    const added = ['challenges', 'budgets', 'mails', 'events'].map(
      (name) => Number(after?.[name]) - Number(before?.[name]),
    )
    const { 'x-request-id': _id, 'x-ratelimit-remaining': _left, date: _date, ...headers } = reply.headers
    const body = { ...reply.body, auth_session: String(reply.body['auth_session']).length }
    shapes.add(JSON.stringify([reply.status, headers, body, added, after?.['spread']]))
  }
  t.equal(shapes.size, 1, [...shapes].join('\n'))
  t.equal((await identity.mailTo('unknown@acme.test')).length, 0)
  t.equal((await identity.mailTo('sam@both.test')).length, 0)
  t.equal((await identity.mailTo('lin@acme.test')).length, 1)
})

t.test('an outstanding code is void once its person is disabled or has another address (A23)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const changes = [
    ['lin@acme.test', { status: 'disabled' }],
    ['ada@acme.test', { email: 'ada@elsewhere.test' }],
  ] as const
  for (const [address, data] of changes) {
    const { authSession } = await startChallenge(identity, address)
    const code = await codeMailedTo(identity, address)
    await identity.db.prisma.userAccount.update({ where: { email: address }, data })
    const reply = await answer(identity, authSession, code)
    t.match([reply.status, reply.body['error']], [400, 'invalid_code'], JSON.stringify(data))
    t.equal(await identity.db.prisma.session.count(), 0)
  }
})

t.test('a code that expired in the queue is never sent, and an expired one does not answer (A7, F35)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await startChallenge(identity, 'lin@acme.test')
  const { authSession } = await startChallenge(identity, 'ada@acme.test')
  const code = await codeMailedTo(identity, 'ada@acme.test')
  await startChallenge(identity, 'sam@both.test')
  await shiftClock(identity.db, 901)
  t.equal((await identity.mailTo('sam@both.test')).length, 0, 'nothing late')
  const left = await identity.db.prisma.mailOutbox.findMany({ where: { sealedMail: { not: null } } })
  t.equal(left.length, 0, 'and nothing kept')
  await refuses(t, identity, 'one second late', () => answer(identity, authSession, code), code400)
})

t.test('the code is in the mail alone: readable, copyable, and no link with it (A21, A24)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { authSession, reply } = await startChallenge(identity, 'lin@acme.test')
  const code = await codeMailedTo(identity, 'lin@acme.test')
  const [mail] = await identity.mailTo('lin@acme.test')
  t.match(mail?.text, code)
  t.match(mail?.html, code)
  t.notMatch(`${mail?.text}${mail?.html}`, /https?:|href/i)
  t.notMatch(`${reply.text}${JSON.stringify(reply.headers)}`, code)
  const answered = await answer(identity, authSession, code)
  t.notMatch(identity.logText(), code, 'not in a log')
  t.notMatch(identity.logText(), 'lin@acme.test')
  t.notMatch(identity.logText(), String(answered.body['authorization_code']))
  t.notMatch(identity.logText(), authSession)
})

t.test('a dump of the database holds no code, no handle, no token and no address that asked (A25, A112)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { authSession, verifier } = await startChallenge(identity, 'lin@acme.test')
  await startChallenge(identity, 'stranger@example.test')
  const code = await codeMailedTo(identity, 'lin@acme.test')
  const authorizationCode = String((await answer(identity, authSession, code)).body['authorization_code'])
  const redeemed = await identity.post('/oauth/token', {
    grant_type: 'authorization_code',
    client_id: 'native',
    code: authorizationCode,
    code_verifier: verifier,
  })
  const refreshToken = String(redeemed.body['refresh_token'])
  const text = await dumpOf(identity)
  t.match(text, 'lin@acme.test', 'the dump is real')
  for (const secret of [
    authSession,
    authorizationCode,
    refreshToken,
    verifier,
    String(redeemed.body['access_token']),
    'stranger@example.test',
  ]) {
    t.notOk(text.includes(secret), 'no secret')
    t.notOk(text.includes(Buffer.from(secret).toString('hex')), 'not as bytes either')
  }
  t.notMatch(text, /"d":|PRIVATE KEY/)
  t.notOk(new RegExp(`(^|[^0-9])${code}([^0-9]|$)`).test(text), 'no code')
})

t.test('codes are uniform, six digits, leading zeros kept (A25)', async (t) => {
  const { randomBytes } = await import('node:crypto')
  const rounds = 100_000
  const counts = new Array<number>(100).fill(0)
  for (let index = 0; index < rounds; index += 1) {
    const code = generateCode(randomBytes)
    if (!/^[0-9]{6}$/.test(code)) t.fail(code)
    counts[Number(code) % 100] = (counts[Number(code) % 100] ?? 0) + 1
  }
  const expected = rounds / 100
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  t.ok(chiSquare < 180, `chi-square ${chiSquare.toFixed(1)} with 99 degrees of freedom`)
  t.equal(normalizeCode('001 234'), '001234')
})

t.test('addresses are asked about at most so often by one network, and only that is answered 429 (A103)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { challengesPerMinute: 3 })
  const from = (ip: string) => ({ 'x-forwarded-for': ip })
  for (const ip of ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:1::3']) {
    t.equal((await startChallenge(identity, 'lin@acme.test', {}, from(ip))).reply.status, 400)
  }
  const { reply } = await startChallenge(identity, 'lin@acme.test', {}, from('2001:db8:0:0:ffff::9'))
  t.match([reply.status, reply.body['error']], [429, 'rate_limited'], 'the whole /64 counts as one')
  t.match(reply.headers['retry-after'], /^[0-9]+$/)
  t.equal(
    (await startChallenge(identity, 'lin@acme.test', {}, from('2001:db8:0:1::1'))).reply.status,
    400,
    'others go on',
  )
})

t.test('time', async (t) => {
  await onPostgresql(t, 'starting takes as long for a known address as for an unknown one (A108)', async (t, place) => {
    t.setTimeout(110_000)
    const identity = await startIdentity(t, await place('identity'))
    const perRound = 600
    let lastRound: { p: number; medianGapMs: number } = { p: 0, medianGapMs: Number.POSITIVE_INFINITY }
    const isAlike = () => lastRound.p > 0.01 && Math.abs(lastRound.medianGapMs) < 2
    for (let round = 0; round < 3 && !isAlike(); round += 1) {
      lastRound = await compareTimes(identity, round, perRound)
    }
    t.ok(isAlike(), `p = ${lastRound.p.toFixed(3)}, medians differ by ${lastRound.medianGapMs.toFixed(3)} ms`)
  })
})

async function compareTimes(identity: IdentityUnderTest, round: number, count: number) {
  await identity.db.sql(
    {
      name: `people_of_round_${round}`,
      text: `INSERT INTO user_account (id, email, name)
        SELECT gen_random_uuid(), 'known' || n || '@round${round}.test', 'Known' FROM generate_series(1, ${count}) n`,
    },
    [],
  )
  const times = { known: [] as number[], unknown: [] as number[] }
  for (let index = 1; index <= count; index += 1) {
    const kinds = index % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)
    for (const kind of kinds) {
      const startedAt = performance.now()
      await startChallenge(identity, `${kind}${index}@round${round}.test`)
      times[kind].push(performance.now() - startedAt)
    }
  }
  // The first requests pay for warming up, whichever kind they are.
  return mannWhitney(times.known.slice(50), times.unknown.slice(50))
}

/** Two-sided p by the normal approximation, which is good for samples of this size. */
function mannWhitney(a: readonly number[], b: readonly number[]) {
  const ranked = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  ranked.sort((x, y) => x.value - y.value)
  const rankSum = ranked.reduce((sum, { isA }, index) => sum + (isA ? index + 1 : 0), 0)
  const u = rankSum - (a.length * (a.length + 1)) / 2
  const mean = (a.length * b.length) / 2
  const deviation = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12)
  const p = 2 * (1 - normalCdf(Math.abs((u - mean) / deviation)))
  const median = (values: readonly number[]) => [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? 0
  return { p, medianGapMs: median(a) - median(b) }
}

/** Abramowitz and Stegun, 26.2.17. */
function normalCdf(z: number): number {
  const k = 1 / (1 + 0.2316419 * z)
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  const tail =
    density * k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
  return 1 - tail
}
