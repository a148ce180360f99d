// Invitations under test: given, found, and what became of them.
import { jobSchema } from '@meridian/protocol/jobs'
import { runNextPart } from '../../services/identity/src/directory/run-jobs.ts'
import type { IdentityUnderTest, Instance, Reply } from './identity.ts'
import { call } from './members.ts'
import { ask } from './races.ts'

export const ACME_INVITATIONS = '/v1/orgs/acme/invitations'
export const NEW = 'new@elsewhere.test'

export type Roles = Readonly<Record<string, string>>

/** `{ in: 'member' }` as the wire has it. */
export const wanted = (email: string, roles: Roles) => ({
  email,
  roles: Object.entries(roles).map(([region, role]) => ({ region, role })),
})

export function invite(
  instance: Pick<Instance, 'inject'>,
  token: string,
  email: string,
  roles: Roles = { in: 'member' },
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  return call(instance, token, 'POST', ACME_INVITATIONS, wanted(email, roles), headers)
}

/** An invitation that must be made; its id. */
export async function invited(
  identity: IdentityUnderTest,
  token: string,
  email: string,
  roles?: Roles,
): Promise<string> {
  const reply = await invite(identity, token, email, roles)
  if (reply.status !== 201) throw new Error(`invitation: ${reply.text}`)
  return String(reply.body['id'])
}

export const accept = (instance: Pick<Instance, 'inject'>, token: string, id: string, headers = {}) =>
  call(instance, token, 'POST', `/v1/me/invitations/${id}/accept`, undefined, headers)

export const decline = (instance: Pick<Instance, 'inject'>, token: string, id: string) =>
  call(instance, token, 'POST', `/v1/me/invitations/${id}/decline`)

export async function statusOf(identity: Pick<IdentityUnderTest, 'db'>, id: string): Promise<unknown> {
  const [row] = await ask(identity, 'SELECT status FROM invitation WHERE id = $1::uuid', [id])
  return row?.['status']
}

/** The mails of invitations in the queue, by what shall become of them. */
export async function mailsQueued(identity: Pick<IdentityUnderTest, 'db'>): Promise<Record<string, number>> {
  const text = `SELECT status, count(*)::int AS number FROM mail_outbox WHERE kind = 'invitation' GROUP BY status`
  const rows = await ask(identity, text)
  return Object.fromEntries(rows.map(({ status, number }) => [status, number]))
}

export function importFile(
  instance: Pick<Instance, 'inject'>,
  token: string,
  text: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const url = `${ACME_INVITATIONS}/import`
  return instance.inject({
    method: 'POST',
    url,
    payload: text,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv', ...headers },
  })
}

export async function workOff(identity: Pick<IdentityUnderTest, 'deps'>): Promise<void> {
  while (await runNextPart(identity.deps));
}

/** The report of a job that is done, as `line outcome`. */
export async function reportOf(identity: IdentityUnderTest, token: string, job: Reply): Promise<readonly string[]> {
  const { body } = await call(identity, token, 'GET', String(job.headers['location']))
  return jobSchema
    .parse(body)
    .report.map(
      ({ line, outcome, first_line: first }) => `${line} ${outcome}${first === undefined ? '' : ` of ${first}`}`,
    )
}
