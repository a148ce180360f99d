// Support access for tests, as the people concerned bring it about: a sys-admin asks, a manager lets them in.
import { type IdentityUnderTest, idempotencyKey, type Reply } from './identity.ts'

type Service = Pick<IdentityUnderTest, 'inject'>
type Wish = Readonly<Record<string, unknown>>

export function askForSupport(service: Service, sysAdmin: string, wish: Wish = {}): Promise<Reply> {
  const payload = { org: 'acme', region: 'in', reason: 'Ticket 4711', duration_seconds: 3600, ...wish }
  const headers = { authorization: `Bearer ${sysAdmin}`, 'idempotency-key': idempotencyKey() }
  return service.inject({ method: 'POST', url: '/v1/support-grants', headers, payload })
}

export function decideOnSupport(
  service: Service,
  token: string,
  step: 'approve' | 'decline' | 'end',
  id: unknown,
  { org = 'acme', ...body }: Wish = {},
): Promise<Reply> {
  return service.inject({
    method: 'POST',
    url: `/v1/orgs/${org}/support-grants/${id}/${step}`,
    headers: { authorization: `Bearer ${token}` },
    ...(step === 'approve' ? { payload: body } : {}),
  })
}

export function giveBackSupport(service: Service, sysAdmin: string, id: unknown): Promise<Reply> {
  const headers = { authorization: `Bearer ${sysAdmin}` }
  return service.inject({ method: 'POST', url: `/v1/support-grants/${id}/end`, headers })
}

/** Asked for and approved. Resolves to the grant's id. */
export async function letSupportIn(
  service: Service,
  sysAdmin: string,
  manager: string,
  wish: Wish = {},
): Promise<string> {
  const asked = await askForSupport(service, sysAdmin, wish)
  const { org = 'acme' } = wish
  const approved = await decideOnSupport(service, manager, 'approve', asked.body['id'], { org })
  if (approved.status !== 200) throw new Error(`support: ${asked.text} ${approved.text}`)
  return String(asked.body['id'])
}
