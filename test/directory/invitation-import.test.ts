// Invitations from a file: it is taken whole or not at all, each row is done once, and a report says what became of it.
import { Readable } from 'node:stream'
import { jobSchema } from '@meridian/protocol/jobs'
import t, { type Test } from 'tap'
import { readCsv } from '../../services/identity/src/directory/csv.ts'
import { runNextPart } from '../../services/identity/src/directory/run-jobs.ts'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { type IdentityOptions, idempotencyKey, startIdentity } from '../support/identity.ts'
import { importFile, invited, mailsQueued, reportOf, workOff } from '../support/invitations.ts'
import { call, eventsOf, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const HEADER = 'email,region,role'
const INVALID = { status: 400, error: 'invalid_request' }

async function start(t: Test, place: Place, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place, { ...options, settings: { ...UNHURRIED, ...options.settings } })
  return { identity, ada: await tokenOf(identity, 'ada@acme.test') }
}

async function rowsOf(...chunks: (string | Buffer)[]): Promise<readonly (readonly [number, ...string[]])[]> {
  const rows: (readonly [number, ...string[]])[] = []
  const bytes = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
  for await (const { line, fields } of readCsv(bytes, 50)) rows.push([line, ...fields])
  return rows
}

t.test('values are read as RFC 4180 has them, however they are cut on the way', async (t) => {
  const text = '\uFEFFa,b\r\n"x, ""y""","1\r\n2"\r\n\r\n,\n"",é\rlast,'
  const rows = [
    [1, 'a', 'b'],
    [2, 'x, "y"', '1\r\n2'],
    [5, '', ''],
    [6, '', 'é'],
    [7, 'last', ''],
  ]
  t.strictSame(await rowsOf(text), rows)
  const bytes = Buffer.from(text)
  t.strictSame(await rowsOf(...Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))), rows)
  t.strictSame(await rowsOf(''), [])
})

t.test('a file with a fault is no such file', async (t) => {
  for (const [text, fault] of [
    ['a,"b', /without its partner/],
    ['a,b"c', /inside a field/],
    ['"a"b', /after a closing/],
    ['x'.repeat(51), /too long/],
    [Buffer.from([0x61, 0xff]), /UTF-8/],
    [Buffer.from([0x61, 0xc3]), /UTF-8/],
  ] as const) {
    await t.rejects(rowsOf(text), { name: 'CsvError', message: fault }, String(fault))
  }
})

await eachEngine(t, 'each row becomes an invitation or a word about why not', async (t, makePlace) => {
  const { identity, ada } = await start(t, await makePlace('identity'), { settings: { invitationsPendingMax: 3 } })
  await invited(identity, ada, 'pending@elsewhere.test')
  const before = await mailsQueued(identity)
  const file = [
    HEADER,
    'one@elsewhere.test,in,member',
    '"two@elsewhere.test", in ,VIEWER',
    'three@elsewhere.test,in,member',
    'pending@elsewhere.test,in,viewer',
    'lin@acme.test,in,member',
    'no address,in,member',
    'four@elsewhere.test,in,sys_admin',
    'four@elsewhere.test,mars,member',
    'four@elsewhere.test,in',
    `${'x'.repeat(500)},in,member`,
    'One@Elsewhere.Test,in,manager',
    'one@elsewhere.test,us,viewer',
  ].join('\r\n')
  const key = { 'idempotency-key': idempotencyKey() }
  const job = await importFile(identity, ada, file, key)
  t.equal(job.status, 202, job.text)
  t.match(jobSchema.parse(job.body), { status: 'queued', total: 12, done: 0, report: [] })
  t.equal((await importFile(identity, ada, file, key)).headers['location'], job.headers['location'], 'a repeat')
  await workOff(identity)
  t.strictSame(await reportOf(identity, ada, job), [
    '2 invited',
    '3 invited',
    '4 too_many_invitations',
    '5 invited',
    '6 already_member',
    '7 invalid_email',
    '8 invalid_role',
    '9 not_your_region',
    '10 malformed',
    '11 malformed',
    '12 duplicate of 2',
    '13 invited',
  ])
  const roles = `SELECT r.region, r.role FROM invitation i JOIN invitation_role r ON r.invitation_id = i.id
    WHERE i.email = 'one@elsewhere.test' ORDER BY r.region`
  t.match(await ask(identity, roles), [
    { region: 'in', role: 'member' },
    { region: 'us', role: 'viewer' },
  ])
  const after = await mailsQueued(identity)
  t.equal(after['pending'], (before['pending'] ?? 0) + 2, 'who has a mail already gets no other')
  const [row] = await ask(identity, 'SELECT j::text AS text FROM job j')
  t.notMatch(String(row?.['text']), /elsewhere/, 'no address is left in it')
  t.strictSame(await eventsOf(identity, 'invitation'), [
    'invitation.created success',
    'invitation.imported success',
    'invitation.imported success',
    ...Array.from({ length: 4 }, () => 'invitation.created success'),
  ])
})

t.test('a file is refused as a whole, with its fault', async (t) => {
  const { identity, ada } = await start(t, await embeddedPlace('identity'))
  const tooMany = `${HEADER}\n${'a@b.test,in,member\n'.repeat(5001)}`
  const files: Readonly<Record<string, string | Buffer>> = {
    'nothing in it': '',
    'another header': 'mail,region,role\na@b.test,in,member\n',
    'a quotation mark too many': `${HEADER}\n"a@b.test,in,member\n`,
    'no UTF-8': Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.from([0xff, 0xfe])]),
    'a null character': `${HEADER}\na\u0000@b.test,in,member\n`,
    'too many rows': tooMany,
  }
  for (const [fault, file] of Object.entries(files)) {
    await refuses(t, identity, fault, () => importFile(identity, ada, file), INVALID)
  }
  const large = `${HEADER}\n${`"${'x'.repeat(1000)}",in,member\n`.repeat(10_500)}`
  await refuses(t, identity, 'too large', () => importFile(identity, ada, large), {
    status: 413,
    error: 'payload_too_large',
  })
  const json = { 'content-type': 'application/json' }
  const unsupported = { status: 415, error: 'unsupported_media_type' }
  await refuses(t, identity, 'another type', () => importFile(identity, ada, '{}', json), unsupported)
  t.strictSame(await ask(identity, 'SELECT id FROM job'), [])
})

t.test('who may not invite imports nothing, and one import runs at a time', async (t) => {
  const { identity, ada } = await start(t, await embeddedPlace('identity'))
  const file = `${HEADER}\na@elsewhere.test,in,member\n`
  const denied = { status: 403, error: 'access_denied' }
  const lin = await tokenOf(identity, 'lin@acme.test')
  await refuses(t, identity, 'a member', () => importFile(identity, lin, file), denied)
  const job = await importFile(identity, ada, file)
  const location = String(job.headers['location'])
  const busy = { status: 409, error: 'conflict' }
  await refuses(t, identity, 'another one', () => importFile(identity, ada, file), busy)
  const max = await tokenOf(identity, 'max@globex.test')
  await refuses(t, identity, 'the job, by a stranger', () => call(identity, max, 'GET', location), denied)
  const elsewhere = location.replace('acme', 'globex')
  const missing = { status: 404, error: 'not_found' }
  await refuses(t, identity, 'the job, elsewhere', () => call(identity, max, 'GET', elsewhere), missing)
})

t.test('rows are done with the authority that the sender has by then', async (t) => {
  const { identity, ada } = await start(t, await embeddedPlace('identity'))
  const job = await importFile(identity, ada, `${HEADER}\na@elsewhere.test,in,member\n`)
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`)
  await workOff(identity)
  await ask(identity, `UPDATE organization SET status = 'active' WHERE slug = 'acme'`)
  t.strictSame(await reportOf(identity, ada, job), ['2 not_your_region'])
})

t.test('a job that nobody can read fails, and holds up no other', async (t) => {
  const { identity, ada } = await start(t, await embeddedPlace('identity'))
  const job = await importFile(identity, ada, `${HEADER}\na@elsewhere.test,in,member\n`)
  await ask(identity, `UPDATE job SET input = '{"rows": 7}'`)
  await workOff(identity)
  const { body } = await call(identity, ada, 'GET', String(job.headers['location']))
  t.match(body, { status: 'failed', done: 0 })
  const next = await importFile(identity, ada, `${HEADER}\na@elsewhere.test,in,member\n`)
  await workOff(identity)
  t.strictSame(await reportOf(identity, ada, next), ['2 invited'])
  await shiftClock(identity.db, 31 * 86_400)
  await purgeExpired(identity.db)
  t.strictSame(await ask(identity, 'SELECT id FROM job'), [], 'a month later both are erased')
})

await onPostgresql(t, 'a part that was cut off is done again, and none twice', async (t, makePlace) => {
  const settings = { invitationsPendingMax: 1000 }
  const { identity, ada } = await start(t, await makePlace('identity'), { instances: 2, settings })
  const emails = Array.from({ length: 60 }, (_, index) => `p${index}@elsewhere.test`)
  const job = await importFile(identity, ada, [HEADER, ...emails.map((email) => `${email},in,member`)].join('\n'))
  await runNextPart(identity.deps)
  // As a process that dies in the middle: what it did in the transaction is gone with it.
  await ask(
    identity,
    `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'killed' USING ERRCODE = '57P01'; END $$`,
  )
  await ask(
    identity,
    `CREATE TRIGGER die BEFORE INSERT ON invitation FOR EACH ROW
    WHEN (NEW.email = 'p40@elsewhere.test') EXECUTE FUNCTION die()`,
  )
  await t.rejects(runNextPart(identity.deps), 'cut off')
  const count = async () => (await ask(identity, 'SELECT count(*)::int AS number FROM invitation'))[0]?.['number']
  t.equal(await count(), 25, 'nothing of that part is left')
  await ask(identity, 'DROP TRIGGER die ON invitation')
  await Promise.all(identity.instances.flatMap((instance) => [workOff(instance), workOff(instance)]))
  t.equal(await count(), 60)
  const report = await reportOf(identity, ada, job)
  t.strictSame(
    report,
    emails.map((_, index) => `${index + 2} invited`),
  )
  t.equal((await eventsOf(identity, 'invitation')).length, 61, 'and one event each')
})
