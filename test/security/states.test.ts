// Which state wins (a person's, a client's, an organization's, a place's, a membership's), and that every mint reads them
// anew: each state alone and each pair of them, at every way to a token.
import t from 'tap'
import { embeddedPlace } from '../support/databases.ts'
import {
  exchange,
  type IdentityUnderTest,
  IN,
  type Reply,
  refresh,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { ask, UNHURRIED } from '../support/races.ts'

const ofSam = `user_id = (SELECT id FROM user_account WHERE email = 'sam@both.test')`
const ofAcme = `org_id = (SELECT id FROM organization WHERE slug = 'acme')`

/** How a state is brought about and undone, and whom it shuts out: the person everywhere, or from this one context. */
const STATES = {
  'a locked account': {
    shuts: 'everything',
    on: `UPDATE user_account SET status = 'disabled' WHERE email = 'sam@both.test'`,
    off: `UPDATE user_account SET status = 'active' WHERE email = 'sam@both.test'`,
  },
  'a deleted client': {
    shuts: 'everything',
    on: `UPDATE client SET status = 'deleted' WHERE id = 'native'`,
    off: `UPDATE client SET status = 'active' WHERE id = 'native'`,
  },
  'a deleted organization': {
    shuts: 'context',
    on: `UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE slug = 'acme'`,
    off: `UPDATE organization SET status = 'active', deleted_at = NULL WHERE slug = 'acme'`,
  },
  'a suspended organization': {
    shuts: 'context',
    on: `UPDATE organization SET status = 'suspended', deleted_at = NULL WHERE slug = 'acme'`,
    off: `UPDATE organization SET status = 'active', deleted_at = NULL WHERE slug = 'acme'`,
  },
  'an organization under maintenance': {
    shuts: 'nothing',
    on: `UPDATE organization SET status = 'maintenance' WHERE slug = 'acme' AND status = 'active'`,
    off: `UPDATE organization SET status = 'active' WHERE slug = 'acme' AND status = 'maintenance'`,
  },
  'a withdrawn place': {
    shuts: 'context',
    on: `UPDATE organization_region SET status = 'withdrawn' WHERE ${ofAcme} AND region = 'in'`,
    off: `UPDATE organization_region SET status = 'active' WHERE ${ofAcme} AND region = 'in'`,
  },
  'a withdrawn region': {
    shuts: 'context',
    on: `UPDATE region SET status = 'withdrawn' WHERE code = 'in'`,
    off: `UPDATE region SET status = 'active' WHERE code = 'in'`,
  },
  'a suspended membership': {
    shuts: 'context',
    on: `UPDATE membership SET status = 'suspended' WHERE ${ofSam} AND ${ofAcme}`,
    off: `UPDATE membership SET status = 'active' WHERE ${ofSam} AND ${ofAcme}`,
  },
  'a removed membership': {
    shuts: 'context',
    on: `UPDATE membership SET status = 'removed' WHERE ${ofSam} AND ${ofAcme}`,
    off: `UPDATE membership SET status = 'active' WHERE ${ofSam} AND ${ofAcme}`,
  },
} as const
type State = keyof typeof STATES

const ALL = Object.keys(STATES) as State[]
const CASES: readonly (readonly State[])[] = [
  [],
  ...ALL.map((state) => [state]),
  ...ALL.flatMap((one, index) => ALL.slice(index + 1).map((other) => [one, other])),
]

const answer = ({ status, body }: Reply) => (status === 200 ? 'granted' : `${status} ${body['error']}`)

/** What each way to a token is answered under these states. */
function expectedOf(states: readonly State[]) {
  const shut = new Set(states.map((state) => STATES[state].shuts))
  if (shut.has('everything')) {
    return states.includes('a deleted client')
      ? { account: '401 invalid_client', acme: '401 invalid_client', globex: '401 invalid_client' }
      : { account: '400 invalid_grant', acme: '400 invalid_grant', globex: '400 invalid_grant' }
  }
  return { account: 'granted', acme: shut.has('context') ? '400 invalid_target' : 'granted', globex: 'granted' }
}

const contextsOf = ({ acme, globex }: ReturnType<typeof expectedOf>) => ({ acme, globex })

async function answersTo(identity: IdentityUnderTest, tokens: { head: string; account: string }) {
  const account = await refresh(identity, tokens.head)
  if (account.status === 200) tokens.head = account.body['refresh_token']
  const acme = await refresh(identity, tokens.head, { resource: IN, org_id: 'acme' })
  if (acme.status === 200) tokens.head = acme.body['refresh_token']
  const globex = await refresh(identity, tokens.head, { resource: US, org_id: 'globex' })
  if (globex.status === 200) tokens.head = globex.body['refresh_token']
  const exchanged = {
    acme: answer(await exchange(identity, tokens.account, { resource: IN, org_id: 'acme' })),
    globex: answer(await exchange(identity, tokens.account, { resource: US, org_id: 'globex' })),
  }
  return { refreshed: { account: answer(account), acme: answer(acme), globex: answer(globex) }, exchanged }
}

t.test(
  'each state and each pair of states is read at every mint, and the person’s comes before the place’s',
  async (t) => {
    const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
    await letManagersGo(identity)
    for (const states of CASES) {
      const { body } = await signIn(identity, 'sam@both.test')
      const tokens = { head: body['refresh_token'], account: body['access_token'] }
      for (const state of states) await ask(identity, STATES[state].on)
      const { refreshed, exchanged } = await answersTo(identity, tokens)
      const title = states.join(' and ') || 'nothing'
      const expected = expectedOf(states)
      const { account } = expected
      t.strictSame(refreshed, expected, `refreshed under ${title}`)
      t.strictSame(exchanged, contextsOf(expected), `exchanged under ${title}`)
      for (const state of states) await ask(identity, STATES[state].off)
      const after = await answersTo(identity, tokens)
      if (account === 'granted') {
        t.strictSame(after.refreshed, expectedOf([]), `once ${title} is over, the same refresh token goes on`)
        t.strictSame(after.exchanged, contextsOf(expectedOf([])), `and so does the exchange`)
      } else if (states.includes('a locked account') && !states.includes('a deleted client')) {
        t.strictSame(after.refreshed, expectedOf(['a locked account']), `${title}: the sign-in was over`)
      }
    }
  },
)
