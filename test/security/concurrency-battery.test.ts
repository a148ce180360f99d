// SECURITY section 3, the concurrency battery: every endpoint that uses something up, with 2, 10, 50 and 200 callers
// at once on two instances. One of them wins, the database holds what one has done, and nobody is answered 500.
// BATTERY_ROUNDS=200 makes the long run; each round begins anew.
import t, { type Test } from 'tap'
import { onPostgresql } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  signInAtPages,
} from '../support/hosted-browser.ts'
import {
  authorize,
  codeMailedTo,
  type IdentityUnderTest,
  idempotencyKey,
  makeSysAdmin,
  type Reply,
  redeem,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { ask, fire, patiently, times, UNHURRIED } from '../support/races.ts'

const CALLERS = [2, 10, 50, 200]
const ROUNDS = Number(process.env['BATTERY_ROUNDS'] ?? 1)
const LIN = 'lin@acme.test'
t.setTimeout(240_000)

/** How the winners and the others were answered; a call that was put off because the database was busy is neither. */
function tally(t: Test, replies: readonly Reply[], isWinner: (reply: Reply) => boolean, losers: readonly number[]) {
  const answered = replies.filter(({ status }) => status !== 503)
  const strange = answered.filter((reply) => !isWinner(reply) && !losers.includes(reply.status))
  t.strictSame(
    strange.map(({ status, text }) => `${status} ${text.slice(0, 120)}`),
    [],
    `${replies.length} callers`,
  )
  return answered.filter(isWinner).length
}

async function count(identity: IdentityUnderTest, from: string): Promise<number> {
  const [row] = await ask(identity, `SELECT count(*)::integer AS n FROM ${from}`)
  return Number(row?.['n'])
}

async function eachSize(body: (callers: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) for (const callers of CALLERS) await body(callers)
}

const isOk = ({ status }: Reply) => status === 200

await onPostgresql(t, 'an authorization code is redeemed once', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
  await eachSize(async (callers) => {
    const authorized = await authorize(identity, LIN)
    const before = await count(identity, 'refresh_token_family')
    const replies = await fire(
      identity,
      times(callers, (instance) => redeem(instance, authorized)),
    )
    t.ok(tally(t, replies, isOk, [400]) <= 1)
    t.ok((await count(identity, 'refresh_token_family')) - before <= 1)
  })
})

await onPostgresql(t, 'a mailed code signs in once at the challenge endpoint', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
  await eachSize(async (callers) => {
    const { authSession } = await startChallenge(identity, LIN)
    const otp = await codeMailedTo(identity, LIN)
    const before = await count(identity, 'session')
    const form = { client_id: 'native', auth_session: authSession, otp }
    const replies = await fire(
      identity,
      times(callers, (instance) => instance.post('/oauth/challenge', form)),
    )
    t.ok(tally(t, replies, isOk, [400]) <= 1)
    t.ok((await count(identity, 'session')) - before <= 1)
  })
})

await onPostgresql(
  t,
  'a mailed code signs a browser on once at the pages, and every press is answered alike',
  async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
    await eachSize(async (callers) => {
      const browser = openBrowser(identity)
      const page = await follow(browser, await browser.get(authorizationUrl().url))
      const codeUrl = locationOf(await browser.post('/sign-in', { ...hiddenFieldsOf(page, '/sign-in'), email: LIN }))
      const fields = hiddenFieldsOf(await browser.get(codeUrl), '/sign-in/code')
      const otp = await codeMailedTo(identity, LIN)
      const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
      const before = await count(identity, 'sign_on_session')
      const replies = await fire(
        identity,
        times(callers, (instance) => instance.post('/sign-in/code', { ...fields, otp }, { cookie })),
      )
      tally(t, replies, ({ status }) => status === 303, [])
      const given = replies.filter(({ status }) => status === 303).map(({ headers }) => String(headers['set-cookie']))
      t.equal(new Set(given).size, 1, 'one sign-on, whoever asks')
      t.equal((await count(identity, 'sign_on_session')) - before, 1)
    })
  },
)

await onPostgresql(t, 'a refresh token has one successor', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
  await eachSize(async (callers) => {
    const token = String((await signIn(identity, LIN)).body['refresh_token'])
    const replies = await fire(
      identity,
      times(callers, (instance) => refresh(instance, token)),
    )
    t.ok(tally(t, replies, isOk, []) >= 1)
    const successors = new Set(replies.filter(isOk).map(({ body }) => body['refresh_token']))
    t.equal(successors.size, 1)
    const [successor] = successors
    t.equal((await patiently(() => refresh(identity, String(successor)))).status, 200, 'and it lives')
  })
})

await onPostgresql(
  t,
  'an authorization is given to a signed-on browser as often as it asks, in one session',
  async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
    await eachSize(async (callers) => {
      const browser = openBrowser(identity)
      await signInAtPages(identity, browser, LIN, await follow(browser, await browser.get(authorizationUrl().url)))
      const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
      const { url } = authorizationUrl({ client_id: 'native', redirect_uri: 'http://127.0.0.1:5000/callback' })
      const before = await count(identity, "session WHERE client_id = 'native'")
      const replies = await fire(
        identity,
        times(callers, (instance) => instance.inject({ method: 'GET', url, headers: { cookie } })),
      )
      const winners = tally(t, replies, (reply) => reply.status === 303 && locationOf(reply).includes('code='), [])
      const codes = new Set(replies.filter(({ status }) => status === 303).map((reply) => answerOf(reply)['code']))
      t.equal(codes.size, winners)
      t.equal((await count(identity, "session WHERE client_id = 'native'")) - before, 1)
    })
  },
)

await onPostgresql(t, 'a slug is given once, and an Idempotency-Key makes one organization', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2, settings: UNHURRIED })
  await makeSysAdmin(identity)
  const token = String((await signIn(identity, 'root@example.test')).body['access_token'])
  const create = (slug: string, key: string) => (instance: (typeof identity.instances)[number]) =>
    instance.inject({
      method: 'POST',
      url: '/v1/orgs',
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
      payload: {
        slug,
        name: 'Raced',
        primary_contact: { name: 'Bill', email: 'bill@raced.test' },
        regions: ['in'],
        first_manager: { name: 'Meg', email: 'meg@raced.test' },
      },
    })
  let number = 0
  const isCreated = ({ status }: Reply) => status === 201
  await eachSize(async (callers) => {
    number += 1
    const slug = `raced-${number}`
    const calls = Array.from({ length: callers }, () => create(slug, idempotencyKey()))
    t.ok(tally(t, await fire(identity, calls), isCreated, [409]) <= 1)
    t.ok((await count(identity, `organization WHERE slug = '${slug}'`)) <= 1)
    const [same, key] = [`${slug}-same`, idempotencyKey()]
    const replies = await fire(identity, times(callers, create(same, key)))
    tally(t, replies, isCreated, [409])
    t.equal(new Set(replies.filter(isCreated).map(({ body }) => body['id'])).size, 1, 'one answer for one key')
    t.equal(await count(identity, `organization WHERE slug = '${same}'`), 1)
  })
})
