// SECURITY 1.9 A86: an organization never loses its last active manager, whichever two ways out are taken at once.
import t from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { type IdentityUnderTest, type Instance, type Reply, startIdentity } from '../support/identity.ts'
import { ACME_INVITATIONS, accept, wanted } from '../support/invitations.ts'
import { addMember, call, findMembership, membershipOf, tokenOf } from '../support/members.ts'
import { ask, dealt, fire, UNHURRIED } from '../support/races.ts'

const ROUNDS = 3
const MANAGERS = ['ada@acme.test', 'bea@acme.test', 'cyd@acme.test']

type Manager = { readonly email: string; readonly token: string; readonly membership: string }
type WayOut = (one: Instance, by: Manager, who: Manager) => Promise<Reply>

const anyVersion = { 'if-match': '*' }
const patch =
  (payload: object): WayOut =>
  (one, by, who) =>
    call(one, by.token, 'PATCH', `/v1/orgs/acme/members/${who.membership}`, payload, anyVersion)
const leave: WayOut = (one, _by, who) => call(one, who.token, 'DELETE', `/v1/me/memberships/${who.membership}`)

const WAYS_OUT: Readonly<Record<string, WayOut>> = {
  demotion: patch({ role: 'viewer' }),
  suspension: patch({ status: 'suspended' }),
  removal: (one, by, who) => call(one, by.token, 'DELETE', `/v1/orgs/acme/members/${who.membership}`),
  leaving: leave,
  'stepping down': (one, _by, who) =>
    call(one, who.token, 'PATCH', `/v1/orgs/acme/members/${who.membership}`, { role: 'member' }, anyVersion),
}

/** All three are managers again, whatever became of them. */
async function restore(identity: IdentityUnderTest): Promise<void> {
  await ask(
    identity,
    `UPDATE membership SET role = 'manager', status = 'active'
      WHERE user_id IN (SELECT id FROM user_account WHERE email = ANY (string_to_array($1::text, ' '))) AND region = 'in'`,
    [MANAGERS.join(' ')],
  )
}

async function activeManagers(identity: IdentityUnderTest): Promise<number> {
  const found = await Promise.all(MANAGERS.map((email) => findMembership(identity, email, 'acme', 'in')))
  return found.filter((one) => one?.role === 'manager' && one.status === 'active').length
}

const ALLOWED = ['200', '204', '403 access_denied', '404 not_found', '409 last_manager', '503 temporarily_unavailable']
const answerOf = ({ status, body }: Reply) => [status, body['code']].filter((part) => part !== undefined).join(' ')

await onPostgresql(t, 'managers who put each other out at once leave one', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2, settings: UNHURRIED })
  for (const email of MANAGERS.slice(1)) {
    await addMember(identity, email, { org: 'acme', region: 'in', role: 'manager' })
  }
  const managers: Manager[] = []
  for (const email of MANAGERS) {
    const { id: membership } = await membershipOf(identity, email, 'acme', 'in')
    managers.push({ email, token: await tokenOf(identity, email), membership })
  }
  const attempts = Object.entries(WAYS_OUT).flatMap(([name, out]) =>
    Object.entries(WAYS_OUT).map(([other, otherOut]) => ({
      name: `${name} and ${other}`,
      ways: [out, otherOut] as const,
    })),
  )
  const refused = new Set<string>()
  for (const { name, ways } of attempts) {
    for (let round = 0; round < ROUNDS; round += 1) {
      await restore(identity)
      const calls = managers.map((who, index) => {
        const by = managers[(index + 1) % managers.length] as Manager
        const way = ways[(index + round) % ways.length] as WayOut
        return (one: Instance) => way(one, by, who)
      })
      const replies = await fire(identity, calls)
      const others = replies.map(answerOf).filter((answer) => !ALLOWED.includes(answer))
      t.strictSame(others, [], `${name}: answers`)
      const left = await activeManagers(identity)
      const gone = replies.filter(({ status }) => status < 300).length
      t.equal(left, managers.length - gone, `${name}: who is told so is out`)
      t.ok(left >= 1, `${name}: one stays`)
      for (const answer of replies.map(answerOf)) refused.add(answer)
    }
  }
  t.ok(refused.has('409 last_manager'), [...refused].join())
})

await onPostgresql(t, 'nor do they by saying yes to less', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2, settings: UNHURRIED })
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  const [ada, bea] = [await tokenOf(identity, 'ada@acme.test'), await tokenOf(identity, 'bea@acme.test')]
  for (let round = 0; round < ROUNDS; round += 1) {
    await restore(identity)
    const invite = async (by: string, email: string) =>
      String((await call(identity, by, 'POST', ACME_INVITATIONS, wanted(email, { in: 'viewer' }))).body['id'])
    const ids = [await invite(bea, 'ada@acme.test'), await invite(ada, 'bea@acme.test')] as const
    const replies = await fire(
      identity,
      dealt([(one: Instance) => accept(one, ada, ids[0])], [(one: Instance) => accept(one, bea, ids[1])]),
    )
    const managers = await Promise.all(
      ['ada@acme.test', 'bea@acme.test'].map((email) => findMembership(identity, email, 'acme', 'in')),
    )
    t.ok(
      managers.some((one) => one?.role === 'manager'),
      replies.map(answerOf).join(),
    )
    t.ok(
      replies.some(({ status }) => status === 200 || status === 503),
      replies.map(answerOf).join(),
    )
  }
})
