// What regions reported of an organization's requests: for its managers, and for sys-admins.
import type { Usage, UsageQuery } from '@meridian/protocol/usage'
import type { Deps } from '../deps.ts'
import { listUsage } from '../store/usage.ts'
import { requireAuthority } from './authority.ts'
import { getOrganization } from './organization-details.ts'

/** Throws Refusal: access_denied, the same for an organization that is not theirs and for none; for sys-admins not_found. */
export async function readUsage(
  deps: Pick<Deps, 'db'>,
  reader: { readonly userId: string; readonly platformRole: 'sys_admin' | null },
  org: string,
  query: UsageQuery,
): Promise<Usage> {
  const id =
    reader.platformRole === 'sys_admin'
      ? (await getOrganization(deps.db, org)).id
      : (await requireAuthority(deps.db, reader, org, 'organization:write')).org_id
  return { usage: [...(await listUsage(deps.db, id, query))] }
}
