// What the audit and the jobs tell of invitations: each region's managers read what is of their region, and no more.
import { auditPageSchema } from '@meridian/protocol/audit'
import t, { type Test } from 'tap'
import { eachEngine, type Place } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import {
  ACME_INVITATIONS,
  accept,
  decline,
  importFile,
  invited,
  NEW,
  type Roles,
  reportOf,
  workOff,
} from '../support/invitations.ts'
import { addMember, call, tokenOf } from '../support/members.ts'
import { UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const MISSING = { status: 404, error: 'not_found' }
const BOTH: Roles = { in: 'member', us: 'viewer' }

/** Ada manages `in`, Una manages `us`, Bo both. */
async function start(t: Test, place: Place) {
  const identity = await startIdentity(t, place, { settings: UNHURRIED })
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const places = ['in', 'us'].map((region) => ({ org: 'acme', region, role: 'manager' }))
  await addMember(identity, 'bo@acme.test', ...places)
  const [ada, una, bo] = [
    await tokenOf(identity, 'ada@acme.test'),
    await tokenOf(identity, 'una@acme.test'),
    await tokenOf(identity, 'bo@acme.test'),
  ]
  return { identity, ada, una, bo }
}

/** The invitations' events that a manager reads, oldest first, as `kind outcome region role`. */
async function read(identity: IdentityUnderTest, token: string): Promise<readonly string[]> {
  const { body } = await identity.get('/v1/orgs/acme/audit?kind=invitation&limit=100', token)
  return auditPageSchema
    .parse(body)
    .events.map(({ kind, outcome, region, details }) =>
      `${kind} ${outcome} ${region} ${String(details['role'] ?? '')}`.trim(),
    )
    .toReversed()
}

async function readsTheirOwn(t: Test, { identity, ada, una, bo }: Awaited<ReturnType<typeof start>>) {
  const all = await read(identity, bo)
  const of = (region: string) => all.filter((event) => event.split(' ')[2] === region)
  t.strictSame(await read(identity, ada), of('in'))
  t.strictSame(await read(identity, una), of('us'))
  t.equal(of('in').length + of('us').length, all.length, 'each is of one region')
  return { ofIn: of('in'), ofUs: of('us') }
}

await eachEngine(t, 'an invitation to two regions is told to each as its own', async (t, place) => {
  const world = await start(t, await place('identity'))
  const { identity, una, bo } = world
  const accepted = await invited(identity, bo, NEW, BOTH)
  t.equal((await call(identity, una, 'POST', `${ACME_INVITATIONS}/${accepted}/resend`)).status, 200)
  const person = await tokenOf(identity, NEW)
  t.equal((await accept(identity, person, accepted)).status, 200)
  const revoked = await invited(identity, bo, 'gone@elsewhere.test', BOTH)
  t.equal((await call(identity, una, 'DELETE', `${ACME_INVITATIONS}/${revoked}`)).status, 204)
  t.equal((await call(identity, bo, 'DELETE', `${ACME_INVITATIONS}/${revoked}`)).status, 204)
  const declined = await invited(identity, bo, 'sam@both.test', BOTH)
  t.equal((await decline(identity, await tokenOf(identity, 'sam@both.test'), declined)).status, 204)
  const { ofIn, ofUs } = await readsTheirOwn(t, world)
  t.strictSame(ofIn, [
    'invitation.created success in member',
    'invitation.accepted success in member',
    'invitation.created success in member',
    'invitation.revoked success in member',
    'invitation.created success in member',
    'invitation.declined success in member',
  ])
  t.strictSame(ofUs, [
    'invitation.created success us viewer',
    'invitation.resent success us viewer',
    'invitation.accepted success us viewer',
    'invitation.created success us viewer',
    'invitation.revoked success us viewer',
    'invitation.created success us viewer',
    'invitation.declined success us viewer',
  ])
})

await eachEngine(t, 'a yes that the last manager may not give is told to each region as its own', async (t, place) => {
  const world = await start(t, await place('identity'))
  const { identity, ada, una, bo } = world
  const id = await invited(identity, bo, 'una@acme.test', { us: 'viewer' })
  const other = await invited(identity, bo, 'ada@acme.test', { in: 'viewer', us: 'member' })
  t.equal((await accept(identity, una, id)).status, 200)
  for (const region of ['in', 'us']) {
    const { body } = await call(identity, bo, 'GET', '/v1/me/memberships')
    const own = body['memberships'].find((held: { region: string }) => held.region === region)
    t.equal((await call(identity, bo, 'DELETE', `/v1/me/memberships/${own.id}`)).status, 204)
  }
  const gone = { status: 410, error: 'invitation_gone' }
  await refuses(t, identity, 'whose giver left', () => accept(identity, ada, other), gone)
  const last = await invited(identity, ada, 'ada@acme.test', { in: 'viewer', us: 'member' })
  const lastManager = { status: 409, error: 'last_manager' }
  await refuses(t, identity, 'the last manager', () => accept(identity, ada, last), lastManager)
  const refused = (await read(identity, ada)).filter((event) => event.includes('refused'))
  t.strictSame(refused, ['invitation.accepted refused in', 'invitation.accepted refused us'])
})

await eachEngine(t, 'an import is its sender’s, and of managers of all its regions', async (t, place) => {
  const world = await start(t, await place('identity'))
  const { identity, ada, una, bo } = world
  const send = async (token: string, ...rows: string[]) => {
    const job = await importFile(identity, token, ['email,region,role', ...rows].join('\n'))
    t.equal(job.status, 202, job.text)
    return job
  }
  const hidden = (what: string, token: string, job: Awaited<ReturnType<typeof send>>) =>
    refuses(t, identity, what, () => call(identity, token, 'GET', String(job.headers['location'])), MISSING)
  const ofUs = await send(una, 'a@elsewhere.test,US,viewer')
  await hidden('a queued job of the other region', ada, ofUs)
  await workOff(identity)
  await hidden('a job of the other region', ada, ofUs)
  for (const token of [una, bo]) t.strictSame(await reportOf(identity, token, ofUs), ['2 invited'])
  const ofBoth = await send(
    bo,
    'b@elsewhere.test,in,member',
    'b@elsewhere.test,us,member',
    'b@elsewhere.test,mars,member',
  )
  await workOff(identity)
  await hidden('a job of both', ada, ofBoth)
  await hidden('a job of both', una, ofBoth)
  t.strictSame(await reportOf(identity, bo, ofBoth), ['2 invited', '3 invited', '4 not_your_region'])
  const ofNeither = await send(ada, 'c@elsewhere.test,mars,member')
  await workOff(identity)
  await hidden('a job of no region, in the sender’s', una, ofNeither)
  for (const token of [ada, bo]) t.strictSame(await reportOf(identity, token, ofNeither), ['2 not_your_region'])
  const beyond = await send(ada, 'd@elsewhere.test,us,member')
  await workOff(identity)
  t.strictSame(await reportOf(identity, ada, beyond), ['2 not_your_region'], 'the sender sees it')
  await readsTheirOwn(t, world)
})
