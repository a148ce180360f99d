// Organizations as sys-admins and managers handle them in tests.
import { type IdentityUnderTest, type Instance, makeSysAdmin, type Reply, signIn } from './identity.ts'
import { ask } from './races.ts'

export type Ask = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  payload?: object,
  headers?: Readonly<Record<string, string | null>>,
) => Promise<Reply>

/** Requests with somebody's token; what may be changed is changed in whatever version. A header that is null is not sent. */
export function askAs(instance: Pick<Instance, 'inject'>, token: unknown): Ask {
  return (method, url, payload, headers = {}) =>
    instance.inject({
      method,
      url,
      headers: sent({ authorization: `Bearer ${token}`, 'if-match': '*', ...headers }),
      ...(payload === undefined ? {} : { payload }),
    })
}

function sent(headers: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, value]])))
}

export async function signInToAsk(identity: IdentityUnderTest, email: string): Promise<Ask> {
  return askAs(identity, (await signIn(identity, email)).body['access_token'])
}

export const ROOT = 'root@example.test'

export async function sysAdminToAsk(identity: IdentityUnderTest): Promise<Ask> {
  await makeSysAdmin(identity, ROOT)
  return signInToAsk(identity, ROOT)
}

export const newOrganization = (slug: string, manager = `boss@${slug}.test`) => ({
  slug,
  name: slug,
  primary_contact: { name: 'Contact', email: 'contact@example.test' },
  regions: ['in', 'us'],
  first_manager: { name: 'Boss', email: manager },
})

export async function orgIdOf(identity: IdentityUnderTest, slug: string): Promise<string> {
  const [row] = await ask(identity, 'SELECT id::text FROM organization WHERE slug = $1::text', [slug])
  return String(row?.['id'])
}

/** Takes every manager of an organization away, which only a suspended one can lose. */
export async function lockManagersOf(identity: IdentityUnderTest, orgId: string): Promise<void> {
  await ask(
    identity,
    `UPDATE user_account SET status = 'disabled' WHERE id IN (
      SELECT user_id FROM membership WHERE org_id = $1::uuid AND role = 'manager' AND status = 'active')`,
    [orgId],
  )
}
