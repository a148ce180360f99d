// Managers who invite and people who answer, held to the API's description.
import t from 'tap'
import { walkArea } from '../support/described-area.ts'
import { idempotencyKey, makeSysAdmin } from '../support/identity.ts'
import { ACME_INVITATIONS, accept, decline, importFile, invite, invited, NEW, workOff } from '../support/invitations.ts'
import { call, tokenOf } from '../support/members.ts'

const UNKNOWN = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'

t.test('invitations are made, answered and imported as described', async (t) => {
  const settings = { invitationsPendingMax: 4 }
  await walkArea(
    t,
    'Invitations',
    async (identity) => {
      await makeSysAdmin(identity)
      const ada = await tokenOf(identity, 'ada@acme.test')
      const lin = await tokenOf(identity, 'lin@acme.test')
      const nobody = await tokenOf(identity, 'nobody@example.test')
      const root = await tokenOf(identity, 'root@example.test')
      const key = { 'idempotency-key': idempotencyKey() }
      const first = String((await invite(identity, ada, NEW, { in: 'member' }, key)).body['id'])
      await invite(identity, ada, 'another@elsewhere.test', { in: 'member' }, key)
      await invite(identity, ada, 'lin@acme.test', { in: 'member' })
      await invite(identity, lin, NEW)
      await invite(identity, 'no token', NEW)
      await invite(identity, ada, 'no address')
      await invite(identity, ada, 'x'.repeat(300_000))
      await identity.inject({ method: 'POST', url: ACME_INVITATIONS, payload: {} })
      await call(identity, ada, 'POST', ACME_INVITATIONS, 'x', { 'content-type': 'text/plain' })
      await call(identity, ada, 'GET', `${ACME_INVITATIONS}?limit=1&status=pending`)
      await call(identity, ada, 'GET', `${ACME_INVITATIONS}/${first}`)
      await call(identity, ada, 'GET', `${ACME_INVITATIONS}/${'x'.repeat(300)}`)
      await call(identity, ada, 'GET', `${ACME_INVITATIONS}/${UNKNOWN}`)
      await call(identity, ada, 'POST', `${ACME_INVITATIONS}/${first}/resend`)
      await call(identity, ada, 'DELETE', `${ACME_INVITATIONS}/${first}`)
      await call(identity, ada, 'POST', `${ACME_INVITATIONS}/${first}/resend`)

      const yes = await invited(identity, ada, 'nobody@example.test')
      const withKey = { 'idempotency-key': idempotencyKey() }
      await call(identity, nobody, 'GET', '/v1/me/invitations')
      await accept(identity, nobody, yes, withKey)
      await accept(identity, nobody, UNKNOWN, withKey)
      await accept(identity, nobody, yes)
      const no = await invited(identity, ada, 'lin@acme.test', { in: 'viewer' })
      await accept(identity, lin, no, withKey)
      await accept(identity, lin, await invited(identity, ada, 'lin@acme.test', { in: 'member' }), withKey)
      await decline(identity, lin, await invited(identity, ada, 'lin@acme.test', { in: 'member' }))
      await accept(identity, ada, await invited(identity, ada, 'ada@acme.test', { in: 'viewer' }))
      await accept(identity, root, await invited(identity, ada, 'root@example.test'))

      const imported = { 'idempotency-key': idempotencyKey() }
      const file =
        'email,region,role\np1@elsewhere.test,in,member\np2@elsewhere.test,in,member\np3@elsewhere.test,in,x\n'
      const job = await importFile(identity, ada, file, imported)
      await importFile(identity, ada, `${file}more@elsewhere.test,in,viewer\n`, imported)
      await importFile(identity, ada, file)
      await importFile(identity, lin, file)
      await importFile(identity, ada, 'no header')
      await importFile(identity, ada, file, { 'content-type': 'application/json' })
      await importFile(identity, ada, `email,region,role\n${'a,b,c\n'.repeat(1_800_000)}`)
      await workOff(identity)
      await invite(identity, ada, 'p3@elsewhere.test')
      await call(identity, ada, 'GET', String(job.headers['location']))
    },
    { settings },
  )
})
