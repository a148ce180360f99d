// SECURITY 1.13 and 1.14 at a change of address: nobody learns who is registered, nobody can be written to at will, and
// no secret stands where it is not needed.
import t from 'tap'
import { openMail } from '../../services/identity/src/mail/sealed-mail.ts'
import { shiftClock } from '../support/databases.ts'
import {
  ADA,
  askForChange,
  changeAddress,
  confirmChange,
  LIN,
  NEW,
  requestChange,
  startEmbedded,
  tokenOf,
  WRONG_CODE,
} from '../support/email-change.ts'
import { codeMailedTo, type IdentityUnderTest, signIn } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(120_000)

/** What an onlooker with the database sees of one request, without what is random. */
async function rowsWritten(identity: IdentityUnderTest, work: () => Promise<unknown>): Promise<readonly unknown[]> {
  const text = `SELECT 'challenge ' || purpose AS what, count(*)::int AS n FROM otp_challenge GROUP BY purpose
    UNION ALL SELECT 'mail ' || kind, count(*)::int FROM mail_outbox GROUP BY kind
    UNION ALL SELECT 'length ' || kind || length(sealed_mail), count(*)::int FROM mail_outbox WHERE sealed_mail IS NOT NULL GROUP BY kind, length(sealed_mail)
    UNION ALL SELECT 'budget ' || purpose, count(*)::int FROM contact_budget WHERE purpose <> 'email_change_asker' GROUP BY purpose
    UNION ALL SELECT 'audit ' || kind, count(*)::int FROM audit_event GROUP BY kind
    UNION ALL SELECT 'change', count(*)::int FROM email_change`
  const read = async () => new Map((await ask(identity, text)).map(({ what, n }) => [String(what), Number(n)]))
  const before = await read()
  await work()
  const after = await read()
  return [...after]
    .map(([what, n]) => `${what}: ${n - (before.get(what) ?? 0)}`)
    .filter((line) => !line.endsWith(': 0'))
    .sort()
}

t.test("an address that is somebody's is answered and written like any other, and gets nothing (1.13)", async (t) => {
  const identity = await startEmbedded(t)
  await changeAddress(identity, 'sam@both.test', 'sam.new@both.test')
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'nobody@example.test'`)
  const token = tokenOf(await signIn(identity, ADA))
  await identity.mailTo(ADA)
  const seen: unknown[] = []
  const cases = { free: NEW, theirs: LIN, disabled: 'nobody@example.test', held: 'sam@both.test' }
  for (const [title, email] of Object.entries(cases)) {
    const mails = (await identity.mailTo(email)).length
    let reply = await requestChange(identity, token, { email: `warm.${title}@example.test` })
    const rows = await rowsWritten(identity, async () => {
      reply = await requestChange(identity, token, { email })
    })
    // What counts requests or seconds is no two requests' alike.
    const counted = ['x-request-id', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'date']
    const headers = Object.fromEntries(Object.entries(reply.headers).filter(([name]) => !counted.includes(name)))
    const body = reply.text.replace(/as1\.o1\.[\w-]{43}/, 'HANDLE')
    seen.push({ status: reply.status, body, headers, rows })
    const sealed = await ask(
      identity,
      `SELECT sealed_mail, status FROM mail_outbox WHERE kind = 'email_change_code' ORDER BY id DESC LIMIT 1`,
    )
    t.equal(sealed[0]?.['status'], title === 'free' ? 'pending' : 'suppressed', title)
    t.equal((await identity.mailTo(email)).length, mails + (title === 'free' ? 1 : 0), `${title}: mails`)
    if (title === 'free') continue
    const mail = openMail(identity.secrets, sealed[0]?.['sealed_mail'] as Uint8Array)
    const otp = 'code' in mail ? mail.code : ''
    const change = { change_session: reply.body['change_session'], otp }
    await refuses(
      t,
      identity,
      `${title}: even the right code`,
      () => confirmChange(identity, token, change),
      WRONG_CODE,
    )
  }
  for (const [index, one] of seen.entries()) t.strictSame(one, seen[0], Object.keys(cases)[index] ?? '')
  t.equal(seen.length, 4)
})

t.test('a resend waits, then ends the code before; another address supersedes the change', async (t) => {
  const identity = await startEmbedded(t, { settings: { otpResendSeconds: 60, otpSendsPerHour: 5 } })
  const { token, body } = await askForChange(identity, ADA, NEW)
  const first = body.change_session
  await shiftClock(identity.db, 20)
  const early = await requestChange(identity, token, { email: NEW, change_session: first })
  t.match(early, { status: 202, body: { change_session: first, resend_in: 40, expires_in: 880 } })
  t.equal((await identity.mailTo(NEW)).length, 1, 'no second mail')
  const fresh = await requestChange(identity, token, { email: NEW })
  t.equal((await identity.mailTo(NEW)).length, 1, 'nor for who does not say that it is a resend')
  const useless = { change_session: fresh.body['change_session'], otp: body.otp }
  await refuses(t, identity, 'which nothing answers', () => confirmChange(identity, token, useless), WRONG_CODE)
  await shiftClock(identity.db, 61)
  const resent = await requestChange(identity, token, { email: NEW, change_session: first })
  t.not(resent.body['change_session'], first)
  t.equal((await identity.mailTo(NEW)).length, 2)
  const notices = (await identity.mailTo(ADA)).filter(({ subject }) => subject.startsWith('Somebody asked'))
  t.equal(notices.length, 1, 'the old address was told once')
  await refuses(t, identity, 'the code before', () => confirmChange(identity, token, body), WRONG_CODE)
  const second = { change_session: String(resent.body['change_session']), otp: await codeMailedTo(identity, NEW) }
  const typo = await requestChange(identity, token, { email: 'ada.other@example.test' })
  t.equal((await identity.mailTo('ada.other@example.test')).length, 1, 'another address need not wait')
  t.equal((await identity.mailTo(ADA)).filter(({ subject }) => subject.startsWith('Somebody asked')).length, 2)
  await refuses(t, identity, 'the one superseded', () => confirmChange(identity, token, second), WRONG_CODE)
  const third = {
    change_session: typo.body['change_session'],
    otp: await codeMailedTo(identity, 'ada.other@example.test'),
  }
  t.equal((await confirmChange(identity, token, third)).status, 200)
})

t.test('no code leaves without a notice to the old address', async (t) => {
  const identity = await startEmbedded(t, { settings: { otpResendSeconds: 60 } })
  const [ada, lin] = [tokenOf(await signIn(identity, ADA)), tokenOf(await signIn(identity, LIN))]
  const notices = async () => (await identity.mailTo(ADA)).filter(({ subject }) => subject.startsWith('Somebody asked'))
  t.equal((await requestChange(identity, lin, { email: NEW })).status, 202)
  t.equal((await requestChange(identity, ada, { email: NEW })).status, 202)
  t.equal((await identity.mailTo(NEW)).length, 1, 'the second one must wait')
  t.equal((await notices()).length, 0)
  await shiftClock(identity.db, 61)
  t.equal((await requestChange(identity, ada, { email: NEW })).status, 202)
  t.equal((await identity.mailTo(NEW)).length, 2)
  t.equal((await notices()).length, 1)
})

t.test('an address, and a person, have only so many codes an hour', async (t) => {
  const identity = await startEmbedded(t, { settings: { otpSendsPerHour: 3, otpSendsPerDay: 4 } })
  const token = tokenOf(await signIn(identity, ADA))
  const mailed = async (address: string) =>
    (await identity.mailTo(address)).filter(({ text }) => /\b\d{6}\b/.test(text)).length
  for (let n = 0; n < 5; n += 1) t.equal((await requestChange(identity, token, { email: NEW })).status, 202)
  t.equal(await mailed(NEW), 3)
  t.equal((await requestChange(identity, token, { email: 'b@example.test' })).status, 202)
  t.equal(await mailed('b@example.test'), 0, 'the person has asked often enough')
  t.equal((await identity.mailTo(ADA)).filter(({ subject }) => subject.startsWith('Somebody asked')).length, 1)
  const lin = tokenOf(await signIn(identity, LIN))
  t.equal((await requestChange(identity, lin, { email: NEW })).status, 202)
  t.equal(await mailed(NEW), 3, 'and this address was written to often enough, whoever asks')
})

t.test('no code, handle or address stands where it is not needed (1.14)', async (t) => {
  const identity = await startEmbedded(t)
  const { body } = await changeAddress(identity, ADA, NEW)
  const dump = await ask(
    identity,
    `SELECT coalesce(string_agg(row, ' '), '') AS text FROM (
    SELECT o::text AS row FROM otp_challenge o UNION ALL SELECT b::text FROM contact_budget b
    UNION ALL SELECT m::text FROM mail_outbox m UNION ALL SELECT a::text FROM audit_event a) rows`,
  )
  const text = `${dump[0]?.['text']} ${identity.logText()}`
  t.ok(text.length > 1000)
  for (const secret of [NEW, ADA, body.otp, body.change_session, Buffer.from(NEW).toString('hex')]) {
    t.notOk(text.includes(secret), secret)
  }
})
