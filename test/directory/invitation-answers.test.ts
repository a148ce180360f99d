// What an invited person does: signs in to an account that comes to be with the first right code, and says yes or no.
// Yes counts only while everything holds that the invitation rested on.
import { invitationAcceptedSchema, ownInvitationListSchema } from '@meridian/protocol/invitations'
import t, { type Test } from 'tap'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import {
  codeMailedTo,
  exchange,
  type IdentityOptions,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  makeSysAdmin,
  type Reply,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import {
  ACME_INVITATIONS,
  accept,
  decline,
  invite,
  invited as make,
  NEW,
  type Roles,
  statusOf,
} from '../support/invitations.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { addMember, call, eventsOf, findMembership, membershipOf, tokenOf } from '../support/members.ts'
import { answersOnly, ask, dealt, fire, patiently, times, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const GONE = { status: 410, error: 'invitation_gone' }
/** Tokens outlive what a test moves the clock by. */
const PATIENT = { ...UNHURRIED, accessTokenTtlSeconds: 30 * 86_400 }

async function start(t: Test, place: Place, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place, { ...options, settings: { ...PATIENT, ...options.settings } })
  return { identity, ada: await tokenOf(identity, 'ada@acme.test') }
}
const embedded = async (t: Test) => start(t, await embeddedPlace('identity'))

/** One service for tests that do not get in each other's way. */
const common = embedded(t)

/** Its mail is out, so that the next one is the code. */
async function invited(identity: IdentityUnderTest, token: string, email: string, roles?: Roles): Promise<string> {
  const id = await make(identity, token, email, roles)
  await identity.mailTo(email)
  return id
}

const invitationsOf = async (identity: IdentityUnderTest, token: string) =>
  ownInvitationListSchema.parse((await call(identity, token, 'GET', '/v1/me/invitations')).body).invitations

await eachEngine(t, 'an invited address signs in, is a member of nothing, and says yes', async (t, makePlace) => {
  const { identity, ada } = await start(t, await makePlace('identity'))
  const id = await invited(identity, ada, NEW, { in: 'viewer' })
  const token = await tokenOf(identity, NEW)
  t.strictSame((await call(identity, token, 'GET', '/v1/me/contexts')).body, { contexts: [], can_switch: false })
  const [invitation] = await invitationsOf(identity, token)
  t.match(invitation, { id, org: { slug: 'acme', name: 'Acme' }, roles: [{ region: { code: 'in' }, role: 'viewer' }] })
  const reply = await accept(identity, token, id)
  t.equal(reply.status, 200, reply.text)
  const { memberships } = invitationAcceptedSchema.parse(reply.body)
  t.match(memberships, [{ org: { slug: 'acme' }, region: 'in', role: 'viewer', status: 'active' }])
  t.equal((await exchange(identity, token, { resource: IN, org_id: 'acme' })).status, 200)
  await refuses(t, identity, 'accepted twice', () => accept(identity, token, id), GONE)
  await refuses(t, identity, 'declined after all', () => decline(identity, token, id), GONE)
  t.strictSame(await eventsOf(identity, 'invitation'), ['invitation.created success', 'invitation.accepted success'])
  t.strictSame(await eventsOf(identity, 'user'), ['user.created success'])
})

t.test('no leaves everything as it is, and the invitation is over', async (t) => {
  const { identity, ada } = await common
  await addMember(identity, 'no@example.test')
  const id = await invited(identity, ada, 'no@example.test')
  const token = await tokenOf(identity, 'no@example.test')
  t.equal((await decline(identity, token, id)).status, 204)
  t.equal(await statusOf(identity, id), 'declined')
  await refuses(t, identity, 'accepted after all', () => accept(identity, token, id), GONE)
  t.strictSame(await invitationsOf(identity, token), [])
})

t.test('a code goes to a live invitation’s address, and to no other that is nobody’s', async (t) => {
  const { identity, ada } = await embedded(t)
  const url = `${ACME_INVITATIONS}/${await invited(identity, ada, NEW)}`
  const mailed = async (email: string) => {
    const { reply } = await startChallenge(identity, email)
    const rows = await ask(
      identity,
      `SELECT status FROM mail_outbox WHERE kind = 'sign_in_code' ORDER BY id DESC LIMIT 1`,
    )
    const { auth_session: _session, ...body } = reply.body
    return { status: reply.status, body, mail: rows[0]?.['status'] }
  }
  const live = await mailed(NEW)
  t.equal(live.mail, 'pending')
  const stranger = await mailed('stranger@elsewhere.test')
  t.strictSame({ ...stranger, mail: 'pending' }, live, 'answered alike')
  t.equal(stranger.mail, 'suppressed')
  const shape = `SELECT count(*)::int AS rows, count(DISTINCT length(sealed_mail))::int AS sizes FROM mail_outbox
    WHERE kind = 'sign_in_code' AND contact_mac IN (SELECT contact_mac FROM otp_challenge ORDER BY id DESC LIMIT 2)`
  t.strictSame(await ask(identity, shape), [{ rows: 2, sizes: 1 }], 'with rows of one size')
  t.equal((await call(identity, ada, 'DELETE', url)).status, 204)
  t.equal((await mailed(NEW)).mail, 'suppressed', 'taken back')
  await invited(identity, ada, NEW)
  t.equal((await mailed(NEW)).mail, 'pending')
  for (const [status, mail] of [
    ['suspended', 'suppressed'],
    ['maintenance', 'pending'],
  ] as const) {
    await ask(identity, `UPDATE organization SET status = $1 WHERE slug = 'acme'`, [status])
    t.equal((await mailed(NEW)).mail, mail, status)
  }
  await shiftClock(identity.db, 8 * 86_400)
  t.equal((await mailed(NEW)).mail, 'suppressed', 'expired')
})

t.test('whoever is locked gets no code by an invitation', async (t) => {
  const { identity, ada } = await common
  await addMember(identity, 'locked@example.test')
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'locked@example.test'`)
  await invited(identity, ada, 'locked@example.test')
  const { authSession } = await startChallenge(identity, 'locked@example.test')
  const [row] = await ask(
    identity,
    `SELECT status FROM mail_outbox WHERE kind = 'sign_in_code' ORDER BY id DESC LIMIT 1`,
  )
  t.equal(row?.['status'], 'suppressed')
  t.match(authSession, /^as1\./, 'and is not told')
})

t.test('a code that was mailed for an invitation is worth nothing once that is taken back', async (t) => {
  const { identity, ada } = await common
  const id = await invited(identity, ada, NEW)
  const { authSession } = await startChallenge(identity, NEW)
  const otp = await codeMailedTo(identity, NEW)
  await call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${id}`)
  const reply = await identity.post('/oauth/challenge', { client_id: 'native', auth_session: authSession, otp })
  t.equal(reply.body['error'], 'invalid_code')
  t.strictSame(await ask(identity, 'SELECT id FROM user_account WHERE email = $1', [NEW]), [], 'no account is made')
})

await eachEngine(t, 'many right codes at once make one account', async (t, makePlace) => {
  const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2 })
  await invited(identity, ada, NEW)
  const { authSession } = await startChallenge(identity, NEW)
  const otp = await codeMailedTo(identity, NEW)
  const answer = { client_id: 'native', auth_session: authSession, otp }
  const replies = await fire(
    identity,
    times(8, (one) => one.post('/oauth/challenge', answer)),
  )
  answersOnly(t, replies, ['200', '400 invalid_code'], 'answers')
  t.equal(replies.filter(({ status }) => status === 200).length, 1)
  const people = await ask(
    identity,
    'SELECT email_verified_at IS NOT NULL AS proved FROM user_account WHERE email = $1',
    [NEW],
  )
  t.strictSame(people, [{ proved: true }])
  t.strictSame(await eventsOf(identity, 'user'), ['user.created success'])
})

t.test('an invitation is for the proved owner of its address alone', async (t) => {
  const { identity, ada } = await common
  const id = await invited(identity, ada, 'nobody@example.test')
  const lin = await tokenOf(identity, 'lin@acme.test')
  const foreign = await refuses(t, identity, 'another person’s', () => accept(identity, lin, id), GONE)
  const unknown = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
  const nowhere = await refuses(t, identity, 'nobody’s', () => accept(identity, lin, unknown), GONE)
  const plain = ({ body }: Reply) => JSON.stringify({ ...body, request_id: '' })
  t.equal(plain(foreign), plain(nowhere), 'the same bytes')
  await refuses(t, identity, 'declined by another', () => decline(identity, lin, id), GONE)
  const nobody = await tokenOf(identity, 'nobody@example.test')
  await ask(identity, `UPDATE user_account SET email_verified_at = NULL WHERE email = 'nobody@example.test'`)
  t.strictSame(await invitationsOf(identity, nobody), [])
  await refuses(t, identity, 'unproved', () => accept(identity, nobody, id), GONE)
})

const OF_ADA = `region = 'in' AND user_id = (SELECT id FROM user_account WHERE email = 'ada@acme.test')`
const OF_ACME = `org_id = (SELECT id FROM organization WHERE slug = 'acme') AND region = 'in'`
/** Each takes away one thing that an invitation of Ada's to acme in `in` rests on; and gives it back. */
const LOSSES: readonly (readonly [loss: string, taken: string, back: string])[] = [
  ['the organization is suspended', `organization SET status = 'suspended' WHERE slug = 'acme'`, `status = 'active'`],
  ['it leaves the region', `organization_region SET status = 'withdrawn' WHERE ${OF_ACME}`, `status = 'active'`],
  ['the region is withdrawn', `region SET status = 'withdrawn' WHERE code = 'in'`, `status = 'active'`],
  ['the inviter is manager no more', `membership SET role = 'viewer' WHERE ${OF_ADA}`, `role = 'manager'`],
  ['the inviter is suspended', `membership SET status = 'suspended' WHERE ${OF_ADA}`, `status = 'active'`],
  [
    'the inviter’s account is locked',
    `user_account SET status = 'disabled' WHERE email = 'ada@acme.test'`,
    `status = 'active'`,
  ],
]

t.test('an invitation is gone while anything is that it rests on', async (t) => {
  const { identity, ada } = await embedded(t)
  await letManagersGo(identity)
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  const id = await invited(identity, ada, 'nobody@example.test')
  const token = await tokenOf(identity, 'nobody@example.test')
  for (const [loss, taken, back] of LOSSES) {
    await ask(identity, `UPDATE ${taken}`)
    t.strictSame(await invitationsOf(identity, token), [], loss)
    await refuses(t, identity, loss, () => accept(identity, token, id), GONE)
    await ask(identity, `UPDATE ${taken.replace(/SET .*? WHERE/, `SET ${back} WHERE`)}`)
    t.equal((await invitationsOf(identity, token)).length, 1, `${loss} no more`)
  }
  await shiftClock(identity.db, 7 * 86_400 + 60)
  t.strictSame(await invitationsOf(identity, token), [], 'expired')
  await refuses(t, identity, 'expired', () => accept(identity, token, id), GONE)
})

t.test('one role that cannot be given any more takes the whole invitation with it', async (t) => {
  const { identity, ada } = await embedded(t)
  const id = await invited(identity, ada, 'nobody@example.test', { in: 'member', us: 'member' })
  const token = await tokenOf(identity, 'nobody@example.test')
  const inUs = `UPDATE organization_region SET status = $1
    WHERE region = 'us' AND org_id = (SELECT id FROM organization WHERE slug = 'acme')`
  await ask(identity, inUs, ['withdrawn'])
  await refuses(t, identity, 'the organization has left us', () => accept(identity, token, id), GONE)
  await ask(identity, inUs, ['active'])
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  await refuses(t, identity, 'us has a manager of its own now', () => accept(identity, token, id), GONE)
  const una = await tokenOf(identity, 'una@acme.test')
  t.equal((await invite(identity, una, 'nobody@example.test', { us: 'viewer' })).body['id'], id)
  const { memberships } = (await accept(identity, token, id)).body
  t.strictSame(
    memberships.map(({ region, role }: { region: string; role: string }) => [region, role]),
    [
      ['in', 'member'],
      ['us', 'viewer'],
    ],
    'who manages it has given it anew',
  )
})

/** The regions in which the person can say yes, by invitation. */
const offered = async (identity: IdentityUnderTest, token: string) =>
  (await invitationsOf(identity, token)).map(({ id, roles }) => [id, ...roles.map(({ region }) => region.code)])

t.test('a role whose giver could not give it now is out once the address is invited again', async (t) => {
  const { identity, ada } = await embedded(t)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const una = await tokenOf(identity, 'una@acme.test')
  const id = await invited(identity, una, 'nobody@example.test', { us: 'viewer' })
  await shiftClock(identity.db, 86_400)
  const { expires_at: early } = (await invite(identity, ada, 'nobody@example.test')).body
  const token = await tokenOf(identity, 'nobody@example.test')
  t.strictSame(await offered(identity, token), [[id, 'in', 'us']])
  await addMember(identity, 'eve@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'una@acme.test'`)
  await refuses(t, identity, 'una is locked', () => accept(identity, token, id), GONE)
  const again = await invite(identity, ada, 'nobody@example.test')
  t.equal(again.body['id'], id)
  t.ok(again.body['expires_at'] > early, 'it is as old as the oldest that is left')
  t.strictSame(await offered(identity, token), [[id, 'in']])
  t.equal((await accept(identity, token, id)).status, 200)
  t.equal(await findMembership(identity, 'nobody@example.test', 'acme', 'us'), undefined)
})

t.test('a role that is older than an invitation’s life is out, and the younger ones stay', async (t) => {
  const { identity, ada } = await embedded(t)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const una = await tokenOf(identity, 'una@acme.test')
  const id = await invited(identity, una, 'nobody@example.test', { us: 'viewer' })
  await shiftClock(identity.db, 5 * 86_400)
  await invited(identity, ada, 'nobody@example.test')
  await shiftClock(identity.db, 8 * 86_400)
  const token = await tokenOf(identity, 'nobody@example.test')
  t.strictSame(await offered(identity, token), [], 'it expires with the oldest')
  t.equal((await invite(identity, ada, 'nobody@example.test', { in: 'viewer' })).body['id'], id)
  t.strictSame(await offered(identity, token), [[id, 'in']])
  t.equal((await call(identity, una, 'GET', `${ACME_INVITATIONS}/${id}`)).status, 404)
})

t.test('an invitation with none but dead roles is over, and another takes its place', async (t) => {
  const { identity, ada } = await embedded(t)
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  const id = await invited(identity, ada, 'nobody@example.test')
  await ask(identity, `UPDATE membership SET role = 'viewer' WHERE ${OF_ADA}`)
  const bea = await tokenOf(identity, 'bea@acme.test')
  const anew = await invited(identity, bea, 'nobody@example.test', { in: 'viewer' })
  t.not(anew, id)
  t.equal(
    (await call(identity, bea, 'GET', `${ACME_INVITATIONS}/${id}`)).body['status'],
    'revoked',
    'and is still seen',
  )
  const token = await tokenOf(identity, 'nobody@example.test')
  t.strictSame(await offered(identity, token), [[anew, 'in']])
})

t.test('a yes brings back who was removed, changes the role of who is there, and raises the version', async (t) => {
  const { identity, ada } = await common
  const lin = await tokenOf(identity, 'lin@acme.test')
  const before = await membershipOf(identity, 'lin@acme.test', 'acme', 'in')
  await accept(identity, lin, await invited(identity, ada, 'lin@acme.test', { in: 'manager' }))
  const promoted = await membershipOf(identity, 'lin@acme.test', 'acme', 'in')
  t.match(promoted, { id: before.id, role: 'manager', version: 2 })
  await call(identity, ada, 'DELETE', `/v1/orgs/acme/members/${before.id}`)
  const id = await invited(identity, ada, 'lin@acme.test', { in: 'member' })
  t.equal((await accept(identity, lin, id)).status, 200)
  const back = await membershipOf(identity, 'lin@acme.test', 'acme', 'in')
  t.match(back, { id: before.id, role: 'member', status: 'active', version: 4 })
})

t.test('who is suspended, demoted or removed after they were invited cannot undo it by saying yes', async (t) => {
  const { identity, ada } = await common
  await addMember(identity, 'kim@acme.test', { org: 'acme', region: 'in', role: 'member' })
  const kim = await tokenOf(identity, 'kim@acme.test')
  const member = `/v1/orgs/acme/members/${(await membershipOf(identity, 'kim@acme.test', 'acme', 'in')).id}`
  for (const [what, role, payload] of [
    ['suspended', 'manager', { status: 'suspended' }],
    ['demoted', 'member', { role: 'viewer' }],
    ['removed', 'viewer', undefined],
  ] as const) {
    const id = await invited(identity, ada, 'kim@acme.test', { in: role })
    const change = payload === undefined ? 'DELETE' : 'PATCH'
    const changed = await call(identity, ada, change, member, payload, { 'if-match': '*' })
    t.ok(changed.status < 300, changed.text)
    await refuses(t, identity, what, () => accept(identity, kim, id), GONE)
    t.equal((await call(identity, ada, 'POST', `${ACME_INVITATIONS}/${id}/resend`)).status, 200)
    t.equal((await accept(identity, kim, id)).status, 200, 'but by being invited again')
  }
})

t.test('the last manager cannot say yes to less, and a sys-admin to nothing', async (t) => {
  const { identity, ada } = await common
  await makeSysAdmin(identity)
  const own = await invited(identity, ada, 'ada@acme.test', { in: 'viewer' })
  await refuses(t, identity, 'the last manager', () => accept(identity, ada, own), {
    status: 409,
    error: 'last_manager',
  })
  t.equal(await statusOf(identity, own), 'pending', 'the invitation waits')
  const id = await invited(identity, ada, 'root@example.test')
  const root = await tokenOf(identity, 'root@example.test')
  t.strictSame(await invitationsOf(identity, root), [])
  const outside = { status: 409, error: 'sys_admin_cannot_be_member' }
  await refuses(t, identity, 'a sys-admin', () => accept(identity, root, id), outside)
})

await onPostgresql(
  t,
  'many yeses at once make one membership, and each repeat gets the answer',
  async (t, makePlace) => {
    const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2 })
    const id = await invited(identity, ada, NEW)
    const token = await tokenOf(identity, NEW)
    const key = { 'idempotency-key': idempotencyKey() }
    const keyed = times(6, (one) => accept(one, token, id, key))
    const replies = await fire(
      identity,
      dealt(
        keyed,
        times(6, (one) => accept(one, token, id)),
      ),
    )
    t.ok(replies.every(({ status }) => [200, 410, 503].includes(status)))
    t.ok(replies.some(({ status }) => status === 200))
    const rows = await ask(
      identity,
      `SELECT version FROM membership WHERE user_id = (SELECT id FROM user_account
    WHERE email = $1)`,
      [NEW],
    )
    t.strictSame(rows, [{ version: 1 }])
    t.strictSame(await eventsOf(identity, 'invitation'), ['invitation.created success', 'invitation.accepted success'])
  },
)

await onPostgresql(t, 'a yes and what takes it away come in one order or the other', async (t, makePlace) => {
  const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2 })
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  const bea = await tokenOf(identity, 'bea@acme.test')
  const adas = `/v1/orgs/acme/members/${(await membershipOf(identity, 'ada@acme.test', 'acme', 'in')).id}`
  const role = (role: string) => patiently(() => call(identity, bea, 'PATCH', adas, { role }, { 'if-match': '*' }))
  const seen = new Set<string>()
  for (let round = 0; round < 12; round += 1) {
    const email = `r${round}@elsewhere.test`
    const id = await invited(identity, ada, email)
    const token = await tokenOf(identity, email)
    const isRevocation = round % 2 === 0
    const [yes, no] = (await fire(identity, [
      (one) => patiently(() => accept(one, token, id)),
      () =>
        isRevocation ? patiently(() => call(identity, bea, 'DELETE', `${ACME_INVITATIONS}/${id}`)) : role('viewer'),
    ])) as [Reply, Reply]
    const membership = await findMembership(identity, email, 'acme', 'in')
    t.equal(yes.status === 200, membership !== undefined, `round ${round}: ${yes.status} ${no.status}`)
    if (isRevocation) t.not(yes.status === 200, no.status === 204, `one of the two: ${yes.status} ${no.status}`)
    seen.add(String(yes.status))
    if (!isRevocation) t.equal((await role('manager')).status, 200)
  }
  t.ok(
    [...seen].every((status) => ['200', '410'].includes(status)),
    [...seen].join(),
  )
})
