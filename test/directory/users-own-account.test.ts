// A person renames themselves, and takes away what is held about them: all of it, and nothing of anybody else.
import { personExportSchema } from '@meridian/protocol/export'
import t, { type Test } from 'tap'
import { eachEngine, embeddedPlace, type Place } from '../support/databases.ts'
import { claimsOf, type IdentityUnderTest, IN, startIdentity, US } from '../support/identity.ts'
import { ADDRESS, FIRST_ADDRESS, leaveTraces, MARKERS } from '../support/marked-person.ts'
import { addMember, call, eventsOf, tokenOf } from '../support/members.ts'
import { ask, fire, patiently, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const LIN = 'lin@acme.test'
const start = (t: Test, place: Place) => startIdentity(t, place, { settings: UNHURRIED })
/** One service for all that change nothing that another looks at. */
const identity = await start(t, await embeddedPlace('identity'))
const rename = (identity: Pick<IdentityUnderTest, 'inject'>, token: string, name: string, version: string) =>
  call(identity, token, 'PATCH', '/v1/me', { name }, { 'if-match': version })

t.test('a person renames themselves, on top of what they have read', async (t) => {
  const token = await tokenOf(identity, LIN)
  const before = await call(identity, token, 'GET', '/v1/me')
  const version = String(before.headers['etag'])
  t.equal(version, `"${before.body['user'].version}"`)
  const renamed = await rename(identity, token, '  Lin Wu ', version)
  t.match(renamed, { status: 200, body: { user: { name: 'Lin Wu', version: before.body['user'].version + 1 } } })
  t.strictSame((await call(identity, token, 'GET', '/v1/me')).body, renamed.body)
  const stale = { status: 412, error: 'precondition_failed' }
  await refuses(t, identity, 'an old version', () => rename(identity, token, 'Other', version), stale)
  const bad = { status: 400, error: 'invalid_request' }
  for (const payload of [
    { name: '' },
    { name: 'a\nb' },
    { name: 'x'.repeat(121) },
    { name: { not: 1 } },
    {},
    { name: 'x', email: 'y@z.test' },
  ])
    await refuses(
      t,
      identity,
      JSON.stringify(payload),
      () => call(identity, token, 'PATCH', '/v1/me', payload, { 'if-match': '*' }),
      bad,
    )
  t.strictSame(await eventsOf(identity, 'user'), ['user.renamed success'])
  const [event] = await ask(identity, `SELECT details::text FROM audit_event WHERE kind = 'user.renamed'`)
  t.notMatch(String(event?.['details']), 'Lin', 'names are not kept there')
  const same = await rename(identity, token, 'Lin Wu', '*')
  t.equal(same.headers['etag'], renamed.headers['etag'], 'the same name is no new version')
})

await eachEngine(t, 'of renames of one version at once, one is done', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const token = await tokenOf(identity, LIN)
  const version = String((await call(identity, token, 'GET', '/v1/me')).headers['etag'])
  const names = ['A', 'B', 'C', 'D']
  const replies = await fire(
    identity,
    names.map((name) => (instance) => patiently(() => rename(instance, token, name, version))),
  )
  t.strictSame(replies.map(({ status }) => status).sort(), [200, 412, 412, 412])
})

await eachEngine(t, 'an export is everything that is held about a person, and strict', async (t, makePlace) => {
  const identity = await start(t, await makePlace('identity'))
  const { id, token } = await leaveTraces(identity)
  const reply = await call(identity, token, 'POST', '/v1/me/export')
  t.equal(reply.status, 200, reply.text)
  t.match(reply.headers, { 'content-disposition': /^attachment/, 'cache-control': 'no-store' })
  const held = personExportSchema.parse(reply.body)
  for (const marker of MARKERS.filter((marker) => marker !== 'Marked Answer')) t.match(reply.text, marker, marker)
  t.match(held, {
    account: { id, email: ADDRESS, status: 'active' },
    memberships: [
      { org: { slug: 'acme' }, region: 'in', role: 'member', status: 'active' },
      { org: { slug: 'acme' }, region: 'us', role: 'viewer', status: 'removed' },
    ],
    regions: [
      { code: 'in', api_url: IN },
      { code: 'us', api_url: US },
    ],
    sign_ons: [{ ended_at: null }],
    remembered_contexts: [{ client_id: 'native', region: 'in' }],
    known_devices: { count: 1 },
    email_changes: [{ old_email: FIRST_ADDRESS, new_email: ADDRESS }, { old_email: ADDRESS }],
    invitations: [{ status: 'pending' }, { status: 'revoked' }],
  })
  t.ok(held.sessions.some(({ contexts }) => contexts.length === 1))
  t.ok(held.mails.some(({ kind }) => kind === 'sign_in_code'))
  t.equal(held.events[0]?.kind, 'user.exported', 'this is an event too, the newest')
  t.ok(held.events.some(({ kind, ip }) => kind === 'sign_in.succeeded' && ip === '203.0.113.77'))
  const told = (await identity.mailTo(ADDRESS)).map(({ subject }) => subject)
  t.ok(told.some((subject) => subject.includes('handed out')))
})

t.test('an export has no secret, no hash, and nothing of other people', async (t) => {
  await addMember(identity, LIN, { org: 'globex', region: 'us', role: 'manager' })
  await tokenOf(identity, 'ada@acme.test')
  await tokenOf(identity, 'max@globex.test')
  const token = await tokenOf(identity, LIN)
  const { text } = await call(identity, token, 'POST', '/v1/me/export')
  t.notMatch(text, /ada@|max@|sam@|Ada|Max|Sam/)
  t.notMatch(text, /_hash|_mac|secret|sealed|refresh_token|\\\\x[0-9a-f]{8}/)
  const ids = await ask(identity, 'SELECT id::text FROM user_account WHERE email <> $1', [LIN])
  for (const { id } of ids) t.notMatch(text, String(id))
  const own = await ask(identity, 'SELECT id::text FROM audit_event WHERE actor_user_id = $1::uuid', [
    claimsOf(token)['sub'],
  ])
  const { events } = personExportSchema.parse(JSON.parse(text))
  t.strictSame(
    events.map(({ id }) => String(id)).sort(),
    own.map(({ id }) => String(id)).sort(),
    'their own events alone',
  )
})

t.test('an export has every event, however many', async (t) => {
  const token = await tokenOf(identity, 'sam@both.test')
  const { sub } = claimsOf(token)
  await ask(
    identity,
    `INSERT INTO audit_event (id, at, kind, outcome, request_id, actor_user_id, actor_kind)
      SELECT ('0198c5f2-7a3b-7c4d-8e5f-' || lpad(to_hex(n), 12, '0'))::uuid, meridian_now() - n % 7 * interval '1 minute',
        'context.chosen', 'success', 'many', $1::uuid, 'person' FROM generate_series(1, 1200) n`,
    [sub],
  )
  const { events } = personExportSchema.parse((await call(identity, token, 'POST', '/v1/me/export')).body)
  const many = events.filter(({ kind }) => kind === 'context.chosen')
  t.equal(many.length, 1200)
  t.equal(new Set(many.map(({ id }) => id)).size, 1200, 'each once')
  t.strictSame(
    events.map(({ at }) => at),
    events
      .map(({ at }) => at)
      .sort()
      .reverse(),
    'newest first',
  )
})

t.test('every table that names a person is in the export, or is known to hold nothing more of them', async (t) => {
  const columns = await ask(
    identity,
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' AND (column_name LIKE '%user_id' OR column_name LIKE '%email%' OR column_name LIKE '%phone%'
        OR column_name IN ('contact_mac', 'ip', 'user_agent', 'created_by', 'requested_by', 'decided_by', 'ended_by', 'invited_by', 'subject_id'))
      ORDER BY 1`,
  )
  t.strictSame(
    columns.map(({ name }) => name).filter((name) => !KNOWN_COLUMNS.includes(String(name))),
    [],
    'a new place must be erased (store/delete-person.ts), exported (store/person-export.ts) and entered here',
  )
})

/** Each is erased and exported, or README.md says why it stays. */
const KNOWN_COLUMNS = [
  'audit_event.actor_user_id',
  'audit_personal.user_id',
  'client_context.user_id',
  'contact_budget.contact_mac',
  'email_change.new_email',
  'email_change.old_email',
  'email_change.user_id',
  'erasure_order.subject_id',
  'invitation.email',
  'invitation.invited_by',
  'invitation.user_id',
  'invitation_role.invited_by',
  'job.created_by',
  'known_device.contact_mac',
  'mail_outbox.contact_mac',
  'membership.user_id',
  'organization.primary_contact_email',
  'otp_challenge.contact_mac',
  'otp_challenge.user_id',
  'session.ip',
  'session.user_agent',
  'session.user_id',
  'sign_on_session.ip',
  'sign_on_session.user_agent',
  'sign_on_session.user_id',
  'support_grant.decided_by',
  'support_grant.ended_by',
  'support_grant.requested_by',
  'sync_order.requested_by',
  'user_account.email',
  'user_account.email_verified_at',
  'user_account.phone',
]
