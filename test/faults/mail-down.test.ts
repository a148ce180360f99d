// SECURITY §2 F35: the mail server is away for an hour. Nothing is lost, no code arrives that no longer works, nobody
// gets two, and the queue drains.
import t from 'tap'
import type { RenderedMail } from '../../services/identity/src/mail/message.ts'
import { drainOutbox } from '../../services/identity/src/mail/outbox.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import {
  authorize,
  type IdentityUnderTest,
  redeem,
  refresh,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'

const MINUTE = 60

/** Lets the worker try once at this minute, with the mail server as it is. */
function worker(identity: IdentityUnderTest) {
  const delivered: RenderedMail[] = []
  let attempts = 0
  return {
    delivered,
    attempts: () => attempts,
    async work(seconds: number, isUp: boolean) {
      await shiftClock(identity.db, seconds)
      const sendMail = async (mail: RenderedMail) => {
        attempts += 1
        if (!isUp) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNECTION', command: 'CONN' })
        delivered.push(mail)
      }
      const { secrets, log } = identity.deps
      while ((await drainOutbox({ db: identity.db, secrets, sendMail, productName: 'Meridian', log })) > 0);
    },
  }
}

async function pending(identity: IdentityUnderTest): Promise<number> {
  const [row] = await identity.db.sql(
    { name: 'count_pending_mail', text: "SELECT count(*)::integer AS n FROM mail_outbox WHERE status = 'pending'" },
    [],
  )
  return Number(row?.['n'])
}

await eachEngine(t, 'an hour without mail loses nothing and sends nothing stale', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2 })
  // A stolen refresh token's notice is queued while mail is away; it is worth sending for a day.
  const stolen = (await signIn(identity, 'max@globex.test')).body['refresh_token']
  const mail = worker(identity)
  const second = (await refresh(identity, stolen)).body['refresh_token']
  await refresh(identity, second)
  await mail.work(2 * MINUTE, false)
  t.equal((await refresh(identity, stolen)).body['error'], 'invalid_grant')

  await startChallenge(identity, 'lin@acme.test')
  for (let minute = 3; minute < 58; minute += 1) {
    await mail.work(minute * MINUTE, false)
    if (minute === 20) await startChallenge(identity, 'ada@acme.test')
    if (minute === 50) await startChallenge(identity, 'ada@acme.test')
    if (minute === 52) await startChallenge(identity, 'ada@acme.test')
    t.ok(
      (await startChallenge(identity, `stranger${minute}@example.test`)).reply.status === 400,
      'asking goes on as ever',
    )
  }
  t.ok(mail.attempts() > 10, 'it was tried again and again')
  t.equal(mail.delivered.length, 0)

  for (let step = 0; step < 40; step += 1) await mail.work(60 * MINUTE + step * 20, true)
  const to = mail.delivered.map((one) => `${one.to} ${one.subject.replace(/[0-9]{6}/, 'CODE')}`).sort()
  t.strictSame(to, [
    'ada@acme.test CODE is your sign-in code',
    'max@globex.test We ended one of your Meridian sign-ins',
  ])
  t.equal(await pending(identity), 0, 'the queue is empty')
})

await eachEngine(t, 'the one code that arrives late is the one that works', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  const mail = worker(identity)
  const first = await startChallenge(identity, 'lin@acme.test')
  await mail.work(2 * MINUTE, false)
  const newest = await startChallenge(identity, 'lin@acme.test')
  await mail.work(4 * MINUTE, false)
  await mail.work(12 * MINUTE, true)
  t.equal(mail.delivered.length, 1, 'one mail for two codes')
  const otp = /[0-9]{6}/.exec(mail.delivered[0]?.text ?? '')?.[0] ?? ''
  const answer = (authSession: string) =>
    identity.post('/oauth/challenge', { client_id: 'native', auth_session: authSession, otp })
  t.equal((await answer(first.authSession)).body['error'], 'invalid_code')
  const answered = await answer(newest.authSession)
  t.equal(answered.status, 200, answered.text)
  const tokens = await redeem(identity, {
    code: String(answered.body['authorization_code']),
    verifier: newest.verifier,
  })
  t.equal(tokens.status, 200, tokens.text)
})

await eachEngine(t, 'two workers at once send no mail twice', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2 })
  const people = ['lin@acme.test', 'ada@acme.test', 'max@globex.test', 'sam@both.test']
  for (const email of people) await startChallenge(identity, email)
  const delivered: string[] = []
  const sendMail = async (mail: RenderedMail) => void delivered.push(mail.to)
  await Promise.all(
    [...identity.instances, ...identity.instances].map((instance) =>
      drainOutbox({
        db: instance.deps.db,
        secrets: identity.secrets,
        sendMail,
        productName: 'Meridian',
        log: instance.deps.log,
      }),
    ),
  )
  t.strictSame(delivered.sort(), [...people].sort())
  t.equal((await authorize(identity, 'nobody@example.test')).code.length > 0, true)
})
