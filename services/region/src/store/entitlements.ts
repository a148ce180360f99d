import type { Statement } from '@meridian/database/database'
import type { OrgId } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { RegionDatabase } from './open-store.ts'
import { appliedSchema, LATEST_NEWS } from './replica-news.ts'

const FIND: Statement = {
  name: 'find_modules_of_organization',
  text: `SELECT ${LATEST_NEWS} AS applied,
    coalesce((SELECT to_jsonb(modules) FROM entitlement WHERE org_id = $1::uuid), '[]'::jsonb) AS modules`,
}
const rowSchema = z.object({ applied: appliedSchema, modules: z.array(z.string()) })

/** The modules that an organization has, none where nothing was told; and up to which news. */
export async function findModules(
  database: RegionDatabase,
  orgId: OrgId,
): Promise<{ applied: number; fact: ReadonlySet<string> }> {
  const [row] = await database.sql(FIND, [orgId])
  const { applied, modules } = rowSchema.parse(row)
  return { applied, fact: new Set(modules) }
}
