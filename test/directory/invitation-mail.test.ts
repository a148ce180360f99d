// The mail of an invitation waits in a queue while the invitation may come to an end: what is sent tells of one that can
// be answered.
import t, { type Test } from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ACME_INVITATIONS, accept, decline, invited, mailsQueued, NEW } from '../support/invitations.ts'
import { call, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'

const NOBODY = 'nobody@example.test'
const DAY_SECONDS = 86_400

type Given = { readonly identity: IdentityUnderTest; readonly ada: string; readonly nobody: string }

async function start(t: Test): Promise<Given> {
  const settings = { ...UNHURRIED, accessTokenTtlSeconds: 30 * DAY_SECONDS }
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  return { identity, ada: await tokenOf(identity, 'ada@acme.test'), nobody: await tokenOf(identity, NOBODY) }
}

const invitationsSentTo = async (identity: IdentityUnderTest, email: string) =>
  (await identity.mailTo(email)).filter(({ subject }) => /invitation/.test(subject)).length

const ENDS: readonly (readonly [string, (given: Given, id: string) => Promise<unknown>])[] = [
  ['taken back', ({ identity, ada }, id) => call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${id}`)],
  ['accepted', ({ identity, nobody }, id) => accept(identity, nobody, id)],
  ['declined', ({ identity, nobody }, id) => decline(identity, nobody, id)],
  ['of a closed organization', ({ identity }) => ask(identity, `UPDATE organization SET status = 'suspended'`)],
]

for (const [title, end] of ENDS) {
  t.test(`the mail of an invitation that was ${title} is not sent`, async (t) => {
    const given = await start(t)
    const { identity } = given
    const id = await invited(identity, given.ada, NOBODY)
    await end(given, id)
    t.equal(await invitationsSentTo(identity, NOBODY), 0)
    t.strictSame(await mailsQueued(identity), { expired: 1 })
    const left = `SELECT count(*)::int AS n FROM mail_outbox WHERE kind = 'invitation' AND sealed_mail IS NOT NULL`
    t.strictSame(await ask(identity, left), [{ n: 0 }], 'nor is it kept')
    t.match(identity.logText(), /"overtaken":1/, 'the log says so')
  })
}

t.test('the mail of one that has expired is not sent, though the mail itself has not', async (t) => {
  const { identity, ada } = await start(t)
  await invited(identity, ada, NEW, { in: 'viewer' })
  await ask(identity, `UPDATE invitation SET expires_at = meridian_now() + interval '1 day'`)
  await shiftClock(identity.db, DAY_SECONDS)
  t.equal(await invitationsSentTo(identity, NEW), 0)
  t.strictSame(await mailsQueued(identity), { expired: 1 })
})

t.test('whoever is invited again is mailed of the new one alone, and others as ever', async (t) => {
  const { identity, ada } = await start(t)
  const id = await invited(identity, ada, NEW)
  await invited(identity, ada, 'other@elsewhere.test')
  await call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${id}`)
  await invited(identity, ada, NEW)
  t.equal(await invitationsSentTo(identity, NEW), 1)
  t.equal(await invitationsSentTo(identity, 'other@elsewhere.test'), 1)
  t.strictSame(await mailsQueued(identity), { expired: 1, sent: 2 })
})

t.test('a mail that was queued before mails named their invitations is sent', async (t) => {
  const { identity, ada } = await start(t)
  await invited(identity, ada, NEW)
  await ask(identity, 'UPDATE mail_outbox SET invitation_id = NULL')
  t.equal(await invitationsSentTo(identity, NEW), 1)
})

t.test('a mail that the server turned away is looked at again before the next try', async (t) => {
  const { identity, ada } = await start(t)
  const id = await invited(identity, ada, NEW)
  await ask(identity, `UPDATE mail_outbox SET attempts = 1, next_attempt_at = meridian_now() + interval '15 seconds'`)
  await call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${id}`)
  await shiftClock(identity.db, 20)
  t.equal(await invitationsSentTo(identity, NEW), 0)
})
