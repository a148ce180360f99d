import type { Context } from '@meridian/protocol/me'
import { permissionsOf } from '@meridian/protocol/roles'
import { type ContextRow, listContexts } from '../store/contexts.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findOrganizationId } from '../store/organization-names.ts'

export type NamedContext = { readonly resource: string; readonly org: string }

/** Where a person may act through a client; `current` marks the one that is named, else the one remembered. */
export async function readContexts(
  db: IdentityDb,
  person: { readonly userId: string; readonly clientId: string },
  named: NamedContext | undefined,
): Promise<readonly Context[]> {
  const rows = await listContexts(db, person.userId, person.clientId)
  if (named === undefined) return rows.map((row) => present(row, row.remembered))
  const orgId = await findOrganizationId(db, named.org)
  return rows.map((row) => present(row, row.audience === named.resource && row.org_id === orgId))
}

function present(row: ContextRow, current: boolean): Context {
  return {
    org: { id: row.org_id, slug: row.slug, name: row.org_name },
    region: {
      code: row.region,
      name: row.region_name,
      audience: row.audience,
      api_url: row.audience,
      status: row.region_status,
    },
    role: row.role,
    permissions: [...permissionsOf(row.role)],
    current,
  }
}
