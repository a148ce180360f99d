// Invitations as managers make them: who may, what they are told, what is mailed, and how often.
import { invitationPageSchema, invitationSchema } from '@meridian/protocol/invitations'
import t, { type Test } from 'tap'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { type IdentityOptions, idempotencyKey, makeSysAdmin, type Reply, startIdentity } from '../support/identity.ts'
import { ACME_INVITATIONS, invite, invited, mailsQueued, NEW, statusOf } from '../support/invitations.ts'
import { addMember, call, eventsOf, tokenOf } from '../support/members.ts'
import { ask, fire, tallyOf, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const DENIED = { status: 403, error: 'access_denied' }
const MISSING = { status: 404, error: 'not_found' }
const GONE = { status: 410, error: 'invitation_gone' }

/** Tokens outlive what a test moves the clock by. */
const PATIENT = { ...UNHURRIED, accessTokenTtlSeconds: 30 * 86_400 }

async function start(t: Test, place: Place, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place, { ...options, settings: { ...PATIENT, ...options.settings } })
  return { identity, ada: await tokenOf(identity, 'ada@acme.test') }
}
const embedded = async (t: Test, options: IdentityOptions = {}) => start(t, await embeddedPlace('identity'), options)

/** One service for tests that do not get in each other's way. */
const common = embedded(t)

t.test('an invitation is made, listed, read, mailed again and taken back', async (t) => {
  const { identity, ada } = await embedded(t)
  const made = await invite(identity, ada, ' New@Elsewhere.Test ')
  t.equal(made.status, 201, made.text)
  const invitation = invitationSchema.parse(made.body)
  t.match(invitation, { email: NEW, roles: [{ region: 'in', role: 'member' }], status: 'pending' })
  t.equal(made.headers['location'], `${ACME_INVITATIONS}/${invitation.id}`)
  const url = `${ACME_INVITATIONS}/${invitation.id}`
  const { invitations } = invitationPageSchema.parse((await call(identity, ada, 'GET', ACME_INVITATIONS)).body)
  t.strictSame(invitations, [invitation])
  t.strictSame((await call(identity, ada, 'GET', url)).body, invitation)
  t.strictSame((await call(identity, ada, 'GET', `${ACME_INVITATIONS}?status=expired`)).body['invitations'], [])
  await shiftClock(identity.db, 3600)
  const again = await call(identity, ada, 'POST', `${url}/resend`)
  t.equal(again.status, 200, again.text)
  t.ok(String(again.body['expires_at']) > invitation.expires_at, 'good for its whole time again')
  t.equal((await identity.mailTo(NEW)).length, 2)
  t.equal((await call(identity, ada, 'DELETE', url)).status, 204)
  t.equal((await call(identity, ada, 'GET', url)).body['status'], 'revoked')
  await refuses(t, identity, 'taken back twice', () => call(identity, ada, 'DELETE', url), GONE)
  await refuses(t, identity, 'mailed when taken back', () => call(identity, ada, 'POST', `${url}/resend`), GONE)
  t.strictSame(await eventsOf(identity, 'invitation'), [
    'invitation.created success',
    'invitation.resent success',
    'invitation.revoked success',
  ])
  const [row] = await ask(identity, `SELECT string_agg(e::text, '') AS text FROM audit_event e`)
  t.notMatch(String(row?.['text']), /elsewhere/, 'no event holds the address')
})

t.test('whoever manages nothing there invites nobody, and a manager only to their regions', async (t) => {
  const { identity, ada } = await embedded(t)
  await makeSysAdmin(identity)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  for (const email of ['lin@acme.test', 'max@globex.test', 'root@example.test']) {
    const token = await tokenOf(identity, email)
    await refuses(t, identity, `${email} invites`, () => invite(identity, token, NEW), DENIED)
    await refuses(t, identity, `${email} lists`, () => call(identity, token, 'GET', ACME_INVITATIONS), DENIED)
  }
  for (const roles of [{ us: 'viewer' }, { in: 'member', us: 'viewer' }, { mars: 'member' }]) {
    await refuses(t, identity, JSON.stringify(roles), () => invite(identity, ada, NEW, roles), DENIED)
  }
  const invalid = { status: 400, error: 'invalid_request' }
  for (const role of ['admin', 'owner', 'sys_admin', '']) {
    await refuses(t, identity, `as ${role}`, () => invite(identity, ada, NEW, { in: role }), invalid)
  }
  for (const address of ['nobody', 'a@b', 'a\r\nbcc: b@c.test', 'a@b.test,c@d.test', '<a@b.test>']) {
    await refuses(t, identity, JSON.stringify(address), () => invite(identity, ada, address), invalid)
  }
})

t.test('managers of two regions invite the same person, each to their own', async (t) => {
  const { identity, ada } = await embedded(t)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const una = await tokenOf(identity, 'una@acme.test')
  const id = await invited(identity, ada, NEW)
  const url = `${ACME_INVITATIONS}/${id}`
  await refuses(t, identity, 'of the other region', () => call(identity, una, 'GET', url), MISSING)
  t.equal(await invited(identity, una, NEW, { us: 'viewer' }), id, 'it is one invitation')
  t.strictSame((await call(identity, ada, 'GET', url)).body['roles'], [{ region: 'in', role: 'member' }])
  t.strictSame((await call(identity, una, 'GET', url)).body['roles'], [{ region: 'us', role: 'viewer' }])
  t.strictSame(await mailsQueued(identity), { pending: 1 }, 'and mailed once')
  t.equal((await call(identity, una, 'DELETE', url)).status, 204)
  t.equal((await call(identity, ada, 'GET', url)).body['status'], 'pending', 'the rest stays')
  t.equal((await call(identity, una, 'GET', url)).status, 404)
  t.equal((await call(identity, ada, 'DELETE', url)).status, 204)
  t.equal(await statusOf(identity, id), 'revoked')
})

/** All that differs between two addresses is what the manager wrote, and what is made anew for each. */
function shapeOf({ status, body, headers }: Reply): unknown {
  const { id: _id, email: _email, ...rest } = body
  for (const name of ['created_at', 'expires_at', 'last_sent_at']) rest[name] = typeof rest[name]
  const { date: _date, 'x-request-id': _request, location: _location, ...sent } = headers
  return { status, rest, sent: { ...sent, 'content-length': 'any' } }
}

t.test(
  'an address that is nobody’s, somebody’s, or a member’s elsewhere is answered alike, with the same statements',
  async (t) => {
    const { identity, ada } = await common
    await makeSysAdmin(identity)
    await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'nobody@example.test'`)
    const addresses = [NEW, 'max@globex.test', 'root@example.test', 'nobody@example.test']
    const seen: { shape: unknown; statements: readonly string[]; rows: unknown }[] = []
    const names: string[] = []
    const counts = `SELECT (SELECT count(*) FROM invitation)::int AS i, (SELECT count(*) FROM invitation_role)::int AS r,
    (SELECT count(*) FROM mail_outbox WHERE kind = 'invitation' AND status = 'pending')::int AS m,
    (SELECT count(*) FROM contact_budget WHERE purpose = 'invitation')::int AS b,
    (SELECT count(*) FROM audit_event WHERE kind = 'invitation.created')::int AS e`
    for (const [index, address] of addresses.entries()) {
      names.length = 0
      const before = identity.db.begin.bind(identity.db)
      Object.assign(identity.db, {
        begin: (work: (db: typeof identity.db) => Promise<unknown>, options: object) =>
          before((db) => {
            const sql: typeof db.sql = (statement, values) => {
              names.push(statement.name)
              return db.sql(statement, values)
            }
            return work({ ...db, prisma: db.prisma, sql } as typeof identity.db)
          }, options),
      })
      const reply = await invite(identity, ada, address)
      Object.assign(identity.db, { begin: before })
      const [rows] = await ask(identity, counts)
      const grown = Object.fromEntries(Object.entries(rows ?? {}).map(([name, value]) => [name, Number(value) - index]))
      seen.push({ shape: shapeOf(reply), statements: [...names], rows: grown })
    }
    const [first, ...others] = seen
    t.match(first?.shape, { status: 201 })
    t.ok((first?.statements.length ?? 0) > 5)
    for (const [index, other] of others.entries()) t.strictSame(other, first, String(addresses[index + 1]))
  },
)

t.test('a member who has the roles already is not invited to them again, but to others', async (t) => {
  const { identity, ada } = await common
  const conflict = { status: 409, error: 'conflict' }
  await refuses(t, identity, 'the same', () => invite(identity, ada, 'lin@acme.test', { in: 'member' }), conflict)
  t.equal((await invite(identity, ada, 'lin@acme.test', { in: 'viewer' })).status, 201)
  t.equal((await invite(identity, ada, 'sam@both.test', { in: 'member', us: 'member' })).status, 201)
})

t.test('the mail says who invites in words alone: no link, no line and no markup of theirs', async (t) => {
  const { identity, ada } = await common
  const name = `<b>Acme</b> www.evil.test https://evil.test/x?y=1 call@evil.test “now” ${'x'.repeat(40)}`
  await ask(identity, `UPDATE organization SET name = $1 WHERE slug = 'acme'`, [name])
  await invited(identity, ada, 'named@elsewhere.test')
  const [mail] = await identity.mailTo('named@elsewhere.test')
  t.equal(mail?.subject, 'You have an invitation at Meridian', 'the subject is ours')
  const links = (text = '') => [...text.matchAll(/\b(?:https?:|www\.)[^\s"<]*/g)].map(([link]) => link)
  t.strictSame(links(mail?.text), ['https://id.example.test/invitations'])
  t.strictSame([...new Set(links(mail?.html))], ['https://id.example.test/invitations'])
  t.notMatch(mail?.text ?? '', /\S[.@/]evil|evil\.|evil@/)
  t.notMatch(mail?.html ?? '', /<b>/)
  t.notMatch(`${mail?.text}${mail?.html}`, /[0-9a-f]{8}-[0-9a-f]{4}|\b\d{6}\b/, 'nothing in it opens anything')
})

t.test('an address is mailed only so often, and nobody is told', async (t) => {
  const { identity, ada } = await embedded(t, { settings: { invitationMailsPerDay: 2 } })
  const max = await tokenOf(identity, 'max@globex.test')
  const id = await invited(identity, ada, NEW)
  const resend = () => call(identity, ada, 'POST', `${ACME_INVITATIONS}/${id}/resend`)
  t.equal((await resend()).status, 200)
  t.strictSame(await mailsQueued(identity), { pending: 1 }, 'too soon: no mail')
  for (const [index, mails] of [
    { pending: 2 },
    { pending: 2, suppressed: 1 },
    { pending: 2, suppressed: 2 },
  ].entries()) {
    await shiftClock(identity.db, (index + 1) * 400)
    const answer = await resend()
    t.equal(answer.status, 200)
    t.strictSame(await mailsQueued(identity), mails, `mail ${index + 2}`)
  }
  const payload = { email: NEW, roles: [{ region: 'us', role: 'member' }] }
  const other = await call(identity, max, 'POST', '/v1/orgs/globex/invitations', payload)
  t.equal(other.status, 201, 'another organization is answered alike')
  t.strictSame(await mailsQueued(identity), { pending: 2, suppressed: 3 }, 'and mails no more than the first')
  await shiftClock(identity.db, 2 * 86_400)
  await resend()
  t.strictSame(await mailsQueued(identity), { pending: 3, suppressed: 3 }, 'until another day')
})

t.test('an organization mails only so many invitations in a day, those that it took back among them', async (t) => {
  const settings = { invitationsPerDay: 2, invitationResendSeconds: 86_400 }
  const { identity, ada } = await embedded(t, { settings })
  const full = { status: 409, error: 'too_many_invitations' }
  const first = await invited(identity, ada, NEW)
  t.equal((await call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${first}`)).status, 204)
  await invited(identity, ada, 'second@elsewhere.test')
  await refuses(t, identity, 'a third', () => invite(identity, ada, 'third@elsewhere.test'), full)
  await refuses(t, identity, 'the first again', () => invite(identity, ada, NEW), full)
  await invited(identity, ada, 'second@elsewhere.test', { in: 'viewer' })
  t.strictSame(await mailsQueued(identity), { pending: 2 }, 'what is pending may change, without a mail')
  const max = await tokenOf(identity, 'max@globex.test')
  const payload = { email: NEW, roles: [{ region: 'us', role: 'member' }] }
  const other = await call(identity, max, 'POST', '/v1/orgs/globex/invitations', payload)
  t.equal(other.status, 201, 'each organization has its own count')
  await shiftClock(identity.db, 86_400)
  await invited(identity, ada, 'third@elsewhere.test')
  await invited(identity, ada, 'second@elsewhere.test')
  await refuses(t, identity, 'again a third', () => invite(identity, ada, NEW), full)
})

t.test('nobody lengthens what a manager of another region has given, or is told who gave it', async (t) => {
  const { identity, ada } = await embedded(t)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const una = await tokenOf(identity, 'una@acme.test')
  const first = invitationSchema.parse((await invite(identity, ada, NEW)).body)
  await shiftClock(identity.db, 86_400)
  const second = invitationSchema.parse((await invite(identity, una, NEW, { us: 'viewer' })).body)
  t.equal(second.id, first.id)
  t.equal(second.expires_at, first.expires_at, 'it expires with the oldest of its roles')
  t.not(second.invited_by, first.invited_by)
  t.ok(second.created_at > first.created_at)
  const url = `${ACME_INVITATIONS}/${first.id}`
  const read = async (token: string) => invitationSchema.parse((await call(identity, token, 'GET', url)).body)
  const whose = ({ invited_by, created_at, roles }: typeof first) => ({ invited_by, created_at, roles })
  t.strictSame(whose(await read(ada)), whose(first), 'each sees their own')
  t.strictSame(whose(await read(una)), whose(second))
  for (const [token, own] of [
    [ada, first],
    [una, second],
  ] as const) {
    const { invitations } = invitationPageSchema.parse((await call(identity, token, 'GET', ACME_INVITATIONS)).body)
    t.strictSame(invitations.map(whose), [whose(own)], 'and lists it')
  }
  await shiftClock(identity.db, 2 * 86_400)
  t.equal((await call(identity, una, 'POST', `${url}/resend`)).body['expires_at'], first.expires_at)
  t.equal((await call(identity, ada, 'POST', `${url}/resend`)).status, 200)
  const renewed = await read(una)
  t.ok(renewed.expires_at > first.expires_at, 'until whoever gave the oldest gives it anew')
  t.ok(renewed.created_at > second.created_at)
})

t.test('an invitation that has expired makes room, and is made anew', async (t) => {
  const { identity, ada } = await embedded(t, { settings: { invitationsPendingMax: 1 } })
  const id = await invited(identity, ada, NEW)
  const full = { status: 409, error: 'too_many_invitations' }
  await refuses(t, identity, 'one too many', () => invite(identity, ada, 'second@elsewhere.test'), full)
  t.equal((await invite(identity, ada, NEW, { in: 'viewer' })).status, 201, 'the pending one may change')
  await shiftClock(identity.db, 8 * 86_400)
  t.equal((await call(identity, ada, 'GET', `${ACME_INVITATIONS}/${id}`)).body['status'], 'expired')
  await refuses(t, identity, 'resent', () => call(identity, ada, 'POST', `${ACME_INVITATIONS}/${id}/resend`), GONE)
  t.not(await invited(identity, ada, NEW), id, 'another invitation')
  await refuses(t, identity, 'one too many again', () => invite(identity, ada, 'second@elsewhere.test'), full)
})

await eachEngine(t, 'a repeat with the same key is answered as the first was', async (t, makePlace) => {
  const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2 })
  const key = { 'idempotency-key': idempotencyKey() }
  const replies = await fire(
    identity,
    Array.from({ length: 6 }, () => (one) => invite(one, ada, NEW, { in: 'member' }, key)),
  )
  t.strictSame(tallyOf(replies), { 201: 6 })
  for (const { body } of replies) t.strictSame(body, replies[0]?.body)
  t.strictSame(await eventsOf(identity, 'invitation'), ['invitation.created success'])
  const reused = { status: 422, error: 'idempotency_key_reused' }
  await refuses(t, identity, 'for another', () => invite(identity, ada, 'b@c.test', { in: 'member' }, key), reused)
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  await ask(
    identity,
    `UPDATE membership SET role = 'viewer' WHERE user_id = (SELECT id FROM user_account
    WHERE email = 'ada@acme.test')`,
  )
  await refuses(
    t,
    identity,
    'by who is no manager now',
    () => invite(identity, ada, NEW, { in: 'member' }, key),
    DENIED,
  )
})

await onPostgresql(t, 'no more invitations wait than may, however many are made at once', async (t, makePlace) => {
  const settings = { invitationsPendingMax: 5 }
  const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2, settings })
  const calls = Array.from(
    { length: 24 },
    (_, index) => (one: Parameters<typeof invite>[0]) => invite(one, ada, `p${index}@elsewhere.test`),
  )
  const replies = await fire(identity, calls)
  const made = replies.filter(({ status }) => status === 201).length
  const [row] = await ask(identity, `SELECT count(*)::int AS pending FROM invitation WHERE status = 'pending'`)
  t.equal(row?.['pending'], made)
  t.equal(made, 5, JSON.stringify(tallyOf(replies)))
  const same = await fire(
    identity,
    Array.from({ length: 8 }, () => (one) => invite(one, ada, 'p0@elsewhere.test')),
  )
  t.ok(same.every(({ status }) => [201, 409, 503].includes(status)))
  const [twice] = await ask(
    identity,
    `SELECT count(*)::int AS number FROM invitation WHERE email = 'p0@elsewhere.test'`,
  )
  t.ok(Number(twice?.['number']) <= 1, 'one invitation an address')
})
