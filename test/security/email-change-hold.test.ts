// The address that a change set free is held for whoever had it, until the change cannot be undone any more.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import {
  ADA,
  askToStop,
  bearer,
  changeAddress,
  importPerson,
  LIN,
  NEW,
  outcomeOf,
  requestChange,
  STOP_CODE,
  startEmbedded,
  stopChange,
  tokenOf,
} from '../support/email-change.ts'
import { claimsOf, codeMailedTo, type IdentityUnderTest, makeSysAdmin, signIn } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(120_000)

const DAY = 86_400
const emailOf = async (identity: IdentityUnderTest, id: unknown) =>
  (await ask(identity, 'SELECT email FROM user_account WHERE id = $1::uuid', [id]))[0]?.['email']
const subOf = (token: string) => claimsOf(token)['sub']
const mailsTo = async (identity: IdentityUnderTest, address: string) => (await identity.mailTo(address)).length
/** The constraint that refused a statement. */
const refusedBy = (work: Promise<unknown>) =>
  work.then(
    () => 'written',
    (error: { constraint?: string }) => error.constraint,
  )

t.test('until it cannot be undone any more, nobody else gets the old address', async (t) => {
  const identity = await startEmbedded(t)
  await makeSysAdmin(identity)
  const { token } = await changeAddress(identity, ADA, NEW)
  const lin = await signIn(identity, LIN)
  const mails = await mailsTo(identity, ADA)
  t.equal((await requestChange(identity, tokenOf(lin), { email: ADA })).status, 202)
  t.equal(await mailsTo(identity, ADA), mails, 'another person is mailed no code')
  await t.rejects(importPerson(identity, ADA), { code: 'conflict' }, 'an import')
  const root = tokenOf(await signIn(identity, 'root@example.test'))
  const org = (email: string) => () =>
    identity.inject({
      method: 'POST',
      url: '/v1/orgs',
      headers: bearer(root),
      payload: {
        slug: 'initech',
        name: 'Initech',
        regions: ['in'],
        primary_contact: { name: 'C', email: 'c@example.test' },
        first_manager: { email, name: 'A' },
      },
    })
  await refuses(t, identity, 'a first manager', org(ADA), { status: 409, error: 'email_taken' })
  const insert = `INSERT INTO user_account (id, email, name) VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', $1, 'x')`
  t.equal(await refusedBy(ask(identity, insert, [ADA])), 'user_account_email_held', 'whoever writes by hand')
  const update = `UPDATE user_account SET email = $1 WHERE email = 'sam@both.test'`
  t.equal(await refusedBy(ask(identity, update, [ADA])), 'user_account_email_held')
  t.equal(await emailOf(identity, subOf(token)), NEW)

  await shiftClock(identity.db, 7 * DAY + 1)
  const before = await mailsTo(identity, ADA)
  await askToStop(identity, ADA)
  t.equal(await mailsTo(identity, ADA), before, 'after seven days there is nothing to undo')
  await importPerson(identity, ADA)
  t.equal(
    (await ask(identity, 'SELECT 1 FROM user_account WHERE email = $1', [ADA])).length,
    1,
    'and the address is free',
  )
})

t.test('an undo that comes with its last second, and one for a disabled or a deleted person', async (t) => {
  const identity = await startEmbedded(t)
  const { token } = await changeAddress(identity, ADA, NEW)
  const lin = await changeAddress(identity, LIN, 'lin.new@example.test')
  const sam = await changeAddress(identity, 'sam@both.test', 'sam.new@example.test')
  await shiftClock(identity.db, 7 * DAY - 300)
  const { browser, fields } = await askToStop(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE id = $1::uuid`, [subOf(lin.token)])
  t.equal(outcomeOf(await stopChange(identity, LIN)), 'undone')
  t.equal(await emailOf(identity, subOf(lin.token)), LIN)
  const late = await askToStop(identity, 'sam@both.test')
  const samOtp = await codeMailedTo(identity, 'sam@both.test')
  await ask(
    identity,
    `UPDATE user_account SET status = 'deleted', deleted_at = meridian_now(), email = NULL, name = '' WHERE id = $1::uuid`,
    [subOf(sam.token)],
  )
  t.equal(outcomeOf(await late.browser.post(STOP_CODE, { ...late.fields, otp: samOtp })), 'nothing')
  t.equal(await emailOf(identity, subOf(sam.token)), null)
  await importPerson(identity, 'sam@both.test')
  await shiftClock(identity.db, 7 * DAY + 1)
  t.equal(outcomeOf(await browser.post(STOP_CODE, { ...fields, otp })), 'nothing', 'the code is good, the time is over')
  t.equal(await emailOf(identity, subOf(token)), NEW)
})
