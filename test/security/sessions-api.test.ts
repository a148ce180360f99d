// SECURITY 1.3 (A33) and 1.9 (A90): people see their sessions and end them. What ended is over at once, whoever was
// refreshing at that moment; ending any but one's own session needs a recent sign-in (RFC 9470).
import { sessionListSchema } from '@meridian/protocol/sessions'
import t from 'tap'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  locationOf,
  openBrowser,
  signInAtPages,
} from '../support/hosted-browser.ts'
import {
  authorize,
  claimsOf,
  exchange,
  type IdentityUnderTest,
  IN,
  type Instance,
  type Reply,
  redeem,
  refresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { answersOnly, ask, fire, patiently, times, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const DAY = 86_400
const LOOPBACK = 'http://127.0.0.1:4000/callback'
const UNKNOWN = '01890a5d-ac96-774b-bcce-b302099a8057'
const settings = UNHURRIED

const bearer = (token: unknown) => ({ authorization: `Bearer ${token}` })
const sidOf = (reply: Reply) => String(claimsOf(reply.body['access_token'])['sid'])
const tokenOf = (reply: Reply) => String(reply.body['access_token'])
const list = async (identity: Pick<Instance, 'get'>, token: string) =>
  sessionListSchema.parse((await identity.get('/v1/me/sessions', token)).body).sessions
const remove = (identity: Pick<Instance, 'inject'>, token: string, id: string) =>
  identity.inject({ method: 'DELETE', url: `/v1/me/sessions/${id}`, headers: bearer(token) })
const revoke = (identity: Pick<Instance, 'inject'>, token: string, payload: object) =>
  identity.inject({ method: 'POST', url: '/v1/me/sessions/revoke', headers: bearer(token), payload })
const stepUp = { status: 401, error: 'insufficient_user_authentication' }
const gone = { status: 404, error: 'not_found' }

t.test('a person sees where they are signed in and where each session has acted', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const phone = await signIn(identity, 'ada@acme.test')
  const tablet = await redeem(identity, await authorize(identity, 'ada@acme.test', { client_id: 'other' }), {
    client_id: 'other',
    resource: IN,
    org_id: 'acme',
  })
  await signIn(identity, 'lin@acme.test')
  await exchange(identity, tokenOf(phone), { resource: US, org_id: 'acme' })
  await shiftClock(identity.db, 30)
  const again = await refresh(identity, phone.body['refresh_token'])
  const sessions = await list(identity, tokenOf(again))
  const facts = sessions.map(({ id, current, client, contexts }) => ({
    id,
    current,
    client: client.id,
    contexts: contexts.map(({ org, region }) => `${org.slug} ${region}`),
  }))
  t.strictSame(facts, [
    { id: sidOf(phone), current: true, client: 'native', contexts: ['acme us'] },
    { id: sidOf(tablet), current: false, client: 'other', contexts: ['acme in'] },
  ])
  const [first, second] = sessions
  t.match(first, { client: { name: 'Native app' }, device: { ip: '127.0.0.1', user_agent: /./ }, ended_at: null })
  const secondsOf = (at: string | undefined) => Date.parse(at ?? '') / 1000
  t.ok(secondsOf(first?.last_used_at) - secondsOf(first?.created_at) >= 29, 'a refresh is a use')
  t.ok(secondsOf(second?.last_used_at) - secondsOf(second?.created_at) < 20)
  t.strictSame(
    [claimsOf(tokenOf(again))['auth_time'], claimsOf(tokenOf(phone))['auth_time']],
    [first?.auth_time, first?.auth_time],
  )
})

t.test('only what can still act is a live session', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const ids = async (token: string) => (await list(identity, token)).map(({ id }) => id)
  const short = await signIn(identity, 'ada@acme.test', { client_id: 'spa-standard' })
  const { code, verifier } = await authorize(identity, 'ada@acme.test')
  const kept = await signIn(identity, 'ada@acme.test')
  t.equal((await ids(tokenOf(kept))).length, 3, 'a code under way counts')
  await shiftClock(identity.db, 61)
  t.strictSame(await ids(tokenOf(kept)), [sidOf(kept), sidOf(short)], 'an expired code does not')
  t.equal((await redeem(identity, { code, verifier })).status, 400)
  await shiftClock(identity.db, DAY + 60)
  const later = await refresh(identity, kept.body['refresh_token'])
  t.strictSame(await ids(tokenOf(later)), [sidOf(kept)], 'nor a session whose refresh token has expired')
})

t.test('a session that a reused token ended is shown for a month, as that', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const stolen = await signIn(identity, 'ada@acme.test', { client_id: 'spa-standard' })
  const kept = await signIn(identity, 'ada@acme.test')
  const client = { client_id: 'spa-standard' }
  const next = await refresh(identity, stolen.body['refresh_token'], client)
  await refresh(identity, next.body['refresh_token'], client)
  t.match((await refresh(identity, stolen.body['refresh_token'], client)).body, { error: 'invalid_grant' })
  const ended = { id: sidOf(stolen), ended_reason: 'reuse', ended_at: /Z$/ }
  t.match(await list(identity, tokenOf(kept)), [{ id: sidOf(kept), ended_reason: null }, ended])
  await refuses(t, identity, 'it is over', () => remove(identity, tokenOf(kept), sidOf(stolen)), gone)
  await shiftClock(identity.db, 29 * DAY)
  await purgeExpired(identity.db)
  const later = await refresh(identity, kept.body['refresh_token'])
  t.match(await list(identity, tokenOf(later)), [{ id: sidOf(kept) }, ended], 'after 29 days and a purge')
  await shiftClock(identity.db, 30 * DAY + 60)
  const month = await refresh(identity, later.body['refresh_token'])
  t.equal((await list(identity, tokenOf(month))).length, 1)
  await purgeExpired(identity.db)
  t.strictSame(await ask(identity, 'SELECT id FROM session WHERE revoked_reason IS NOT NULL'), [])
})

t.test('a session is ended by its owner alone, with all that it opened', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const own = await signIn(identity, 'ada@acme.test')
  const lost = await signIn(identity, 'ada@acme.test', { client_id: 'other' })
  const foreign = await signIn(identity, 'lin@acme.test')
  const answers: string[] = []
  for (const id of [sidOf(foreign), UNKNOWN, 'garbage', '..%2f']) {
    const reply = await refuses(t, identity, id, () => remove(identity, tokenOf(own), id), gone)
    answers.push(reply.text.replace(/"request_id":"[^"]*"/, ''))
  }
  t.equal(new Set(answers).size, 1, 'the same bytes whatever the reason')
  await refuses(t, identity, 'anonymous', () => remove(identity, 'x', sidOf(lost)), {
    status: 401,
    error: 'invalid_token',
  })
  const region = await exchange(identity, tokenOf(own), { resource: IN, org_id: 'acme' })
  await refuses(t, identity, 'by a region token', () => remove(identity, tokenOf(region), sidOf(lost)), {
    status: 401,
    error: 'invalid_token',
  })
  t.equal((await identity.get('/v1/me/sessions', tokenOf(region))).status, 401)

  t.equal((await remove(identity, tokenOf(own), sidOf(lost))).status, 204)
  const client = { client_id: 'other' }
  t.match((await refresh(identity, lost.body['refresh_token'], client)).body, { error: 'invalid_grant' })
  const target = { resource: IN, org_id: 'acme' }
  t.match((await exchange(identity, tokenOf(lost), { ...client, ...target })).body, { error: 'invalid_grant' })
  t.equal((await identity.get('/v1/me', tokenOf(lost))).status, 401)
  t.strictSame(await ask(identity, 'SELECT kind, subject FROM revocation'), [{ kind: 'session', subject: sidOf(lost) }])
  t.match(await ask(identity, "SELECT session_id, details FROM audit_event WHERE kind = 'session.revoked'"), [
    { session_id: sidOf(lost), details: { by_session: sidOf(own) } },
  ])
  await refuses(t, identity, 'twice', () => remove(identity, tokenOf(own), sidOf(lost)), gone)
  t.equal((await identity.get('/v1/me', tokenOf(own))).status, 200)
  t.equal((await identity.get('/v1/me', tokenOf(foreign))).status, 200)
})

t.test('ending another session needs a recent sign-in, signing out oneself does not (A90)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const old = await signIn(identity, 'ada@acme.test')
  const other = await signIn(identity, 'ada@acme.test', { client_id: 'other' })
  const foreign = await signIn(identity, 'lin@acme.test')
  await shiftClock(identity.db, 602)
  const later = tokenOf(await refresh(identity, old.body['refresh_token']))
  const answers: string[] = []
  for (const id of [sidOf(other), sidOf(foreign), UNKNOWN, 'garbage']) {
    const reply = await refuses(t, identity, id, () => remove(identity, later, id), stepUp)
    t.equal(
      reply.headers['www-authenticate'],
      'Bearer error="insufficient_user_authentication", error_description="A more recent sign-in is needed", max_age="600"',
    )
    answers.push(reply.text.replace(/"request_id":"[^"]*"/, ''))
  }
  t.equal(new Set(answers).size, 1, 'and tells nobody which ids there are')
  await refuses(t, identity, 'others', () => revoke(identity, later, { which: 'others' }), stepUp)
  await refuses(t, identity, 'all', () => revoke(identity, later, { which: 'all' }), stepUp)
  t.equal((await remove(identity, later, sidOf(old))).status, 204, 'the own')
  t.equal((await identity.get('/v1/me', later)).status, 401)
})

const SIGN_ON = `INSERT INTO sign_on_session (id, user_id, secret_hash, auth_time, amr, ip, user_agent, idle_seconds,
    idle_expires_at, absolute_expires_at)
  SELECT $2::uuid, s.user_id, decode(md5($2::text), 'hex'), s.auth_time, s.amr, '', '', 60, meridian_now() + interval '1 min',
    meridian_now() + interval '1 hour' FROM session s WHERE s.id = $1::uuid RETURNING id`

async function giveSignOn(identity: IdentityUnderTest, session: Reply): Promise<string> {
  const id = identity.deps.makeId()
  await ask(identity, SIGN_ON, [sidOf(session), id])
  await ask(identity, 'UPDATE session SET sign_on_id = $2::uuid WHERE id = $1::uuid RETURNING id', [sidOf(session), id])
  return id
}
const endedSignOns = async (identity: IdentityUnderTest) =>
  (await ask(identity, 'SELECT id::text FROM sign_on_session WHERE revoked_at IS NOT NULL')).map(({ id }) => id).sort()

t.test('all others end, or all, and with them the sign-ons that could bring them back', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const own = await signIn(identity, 'ada@acme.test')
  const others = [
    await signIn(identity, 'ada@acme.test'),
    await signIn(identity, 'ada@acme.test', { client_id: 'other' }),
  ]
  const pending = await authorize(identity, 'ada@acme.test')
  const foreign = await signIn(identity, 'lin@acme.test')
  const [ownSignOn, ...othersSignOns] = [
    await giveSignOn(identity, own),
    await giveSignOn(identity, others[0] as Reply),
  ]
  const foreignSignOn = await giveSignOn(identity, foreign)
  for (const payload of [{}, { which: 'some' }, { which: 'all', force: true }, { which: ['all'] }]) {
    await refuses(t, identity, JSON.stringify(payload), () => revoke(identity, tokenOf(own), payload), {
      status: 400,
      error: 'invalid_request',
    })
  }
  t.strictSame((await revoke(identity, tokenOf(own), { which: 'others' })).body, { ended: 3 })
  for (const [index, reply] of others.entries()) {
    const client = index === 1 ? { client_id: 'other' } : {}
    t.match((await refresh(identity, reply.body['refresh_token'], client)).body, { error: 'invalid_grant' })
  }
  t.match((await redeem(identity, pending)).body, { error: 'invalid_grant' }, 'a code that was under way')
  t.strictSame(await endedSignOns(identity), othersSignOns)
  t.strictSame((await revoke(identity, tokenOf(own), { which: 'others' })).body, { ended: 0 })
  t.equal(await identity.db.prisma.revocation.count(), 3, 'regions are told of each, once')
  const next = await refresh(identity, own.body['refresh_token'])
  t.equal(next.status, 200, 'the own goes on')
  t.strictSame((await revoke(identity, tokenOf(next), { which: 'all' })).body, { ended: 1 })
  t.match((await refresh(identity, next.body['refresh_token'])).body, { error: 'invalid_grant' })
  t.strictSame(await endedSignOns(identity), [ownSignOn, ...othersSignOns].sort())
  t.notOk((await endedSignOns(identity)).includes(foreignSignOn))
  t.equal((await refresh(identity, foreign.body['refresh_token'])).status, 200, "another person's goes on")
})

t.test('ending one session ends its sign-on', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const own = await signIn(identity, 'ada@acme.test')
  const lost = await signIn(identity, 'ada@acme.test')
  const foreign = await signIn(identity, 'lin@acme.test')
  await giveSignOn(identity, own)
  const lostSignOn = await giveSignOn(identity, lost)
  await giveSignOn(identity, foreign)
  await remove(identity, tokenOf(own), sidOf(foreign))
  t.strictSame(await endedSignOns(identity), [])
  await remove(identity, tokenOf(own), sidOf(lost))
  t.strictSame(await endedSignOns(identity), [lostSignOn])
})

const CONTEXTS = 'SELECT session_id::text AS sid, region FROM session_context ORDER BY first_used_at, region'
const FIRST_TOKENS = "SELECT session_id::text AS sid, region FROM audit_event WHERE kind = 'context.first_token'"

t.test('the first token of a session for a context is noted once, and then costs nothing', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const reply = await signIn(identity, 'ada@acme.test')
  t.strictSame(await ask(identity, CONTEXTS), [], 'an account token acts nowhere')
  const target = { resource: IN, org_id: 'acme' }
  const next = await refresh(identity, reply.body['refresh_token'], target)
  await refresh(identity, next.body['refresh_token'], { resource: US, org_id: 'acme' })
  await exchange(identity, tokenOf(reply), target)
  const noted = [
    { sid: sidOf(reply), region: 'in' },
    { sid: sidOf(reply), region: 'us' },
  ]
  t.strictSame(await ask(identity, CONTEXTS), noted)
  t.strictSame(await ask(identity, FIRST_TOKENS), noted)
  await refuses(
    t,
    identity,
    'a refused one',
    () => exchange(identity, tokenOf(reply), { resource: US, org_id: 'globex' }),
    {
      status: 400,
      error: 'invalid_target',
    },
  )
  await ask(identity, 'DELETE FROM session_context RETURNING region')
  await exchange(identity, tokenOf(reply), target)
  t.strictSame(await ask(identity, CONTEXTS), [], 'the database is not asked again by the process that noted it')
})

t.test('races', async (t) => {
  await onPostgresql(t, 'no refresh outlives the end of its session', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { settings, instances: 2 })
    for (let round = 0; round < 6; round += 1) {
      const own = await signIn(identity, 'ada@acme.test')
      const lost = await signIn(identity, 'ada@acme.test')
      const which = round % 2 === 0 ? 'others' : 'all'
      const refreshing = times(12, (instance: Instance) => refresh(instance, lost.body['refresh_token']))
      const ending = times(2, (instance: Instance) => revoke(instance, tokenOf(own), { which }))
      const replies = await fire(identity, [...refreshing.slice(0, 6), ...ending, ...refreshing.slice(6)])
      answersOnly(t, replies, ['200', '400 invalid_grant', '401'], which)
      const tokens = new Set(replies.map(({ body }) => body['refresh_token']).filter(Boolean))
      for (const token of [lost.body['refresh_token'], ...tokens]) {
        const reply = await patiently(() => refresh(identity, token))
        t.match(reply.body, { error: 'invalid_grant' }, 'none is left')
      }
      t.strictSame(
        await ask(
          identity,
          'SELECT count(*)::int AS live FROM refresh_token_family f JOIN session s ON s.id = f.session_id WHERE s.id = $1::uuid AND (s.revoked_at IS NULL OR f.revoked_at IS NULL)',
          [sidOf(lost)],
        ),
        [{ live: 0 }],
      )
      const told = 'SELECT count(*)::int AS told FROM revocation WHERE subject = $1::text'
      t.strictSame(await ask(identity, told, [sidOf(lost)]), [{ told: 1 }], 'regions are told once')
    }
  })

  await onPostgresql(t, 'two sessions that end each other: at most one is left, and nobody fails', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { settings, instances: 2 })
    for (let round = 0; round < 5; round += 1) {
      const pair = [await signIn(identity, 'ada@acme.test'), await signIn(identity, 'ada@acme.test')]
      const replies = await fire(
        identity,
        pair.map((own) => (instance: Instance) => revoke(instance, tokenOf(own), { which: 'others' })),
      )
      answersOnly(t, replies, ['200', '401'], 'each other')
      const alive = await Promise.all(pair.map(async (own) => (await identity.get('/v1/me', tokenOf(own))).status))
      t.ok(alive.filter((status) => status === 200).length <= 1, alive.join())
    }
  })

  await onPostgresql(t, 'a browser that signs on while all sessions end is left with nothing', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { settings, instances: 2 })
    for (let round = 0; round < 8; round += 1) {
      const own = await signIn(identity, 'ada@acme.test')
      const browser = openBrowser(identity)
      await signInAtPages(
        identity,
        browser,
        'ada@acme.test',
        await follow(browser, await browser.get(authorizationUrl().url)),
      )
      const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
      const asked = Array.from({ length: 8 }, () => authorizationUrl({ client_id: 'native', redirect_uri: LOOPBACK }))
      const which = round % 2 === 0 ? 'others' : 'all'
      const ending = (instance: Instance) => revoke(instance, tokenOf(own), { which })
      const signingOn = asked.map(
        ({ url }) =>
          (instance: Instance) =>
            instance.inject({ method: 'GET', url, headers: { cookie } }),
      )
      const replies = await fire(identity, [...signingOn.slice(0, 4), ending, ...signingOn.slice(4)])
      t.equal(replies[4]?.status, 200, which)
      for (const [index, reply] of replies.filter((_, at) => at !== 4).entries()) {
        t.equal(reply.status, 303, reply.text)
        if (!locationOf(reply).includes('code=')) continue
        const { code = '' } = answerOf(reply)
        const redeemed = await redeem(
          identity,
          { code, verifier: asked[index]?.verifier ?? '' },
          { redirect_uri: LOOPBACK },
        )
        t.match(redeemed.body, { error: 'invalid_grant' }, 'a code that was given meanwhile opens nothing')
      }
      const live = 'SELECT count(*)::int AS live FROM session WHERE revoked_at IS NULL'
      t.strictSame(await ask(identity, live), [{ live: which === 'others' ? 1 : 0 }], which)
      await ask(
        identity,
        "UPDATE session SET revoked_at = now(), revoked_reason = 'x' WHERE revoked_at IS NULL RETURNING id",
      )
    }
  })

  await onPostgresql(t, 'a context is noted once, however many tokens are first', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { instances: 2 })
    const reply = await signIn(identity, 'ada@acme.test')
    const replies = await fire(
      identity,
      times(20, (instance) => exchange(instance, tokenOf(reply), { resource: IN, org_id: 'acme' })),
    )
    answersOnly(t, replies, ['200'], 'exchanges')
    t.equal((await ask(identity, CONTEXTS)).length, 1)
    t.equal((await ask(identity, FIRST_TOKENS)).length, 1)
  })
})
