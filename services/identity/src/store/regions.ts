import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type Region = {
  readonly code: string
  readonly name: string
  readonly apiUrl: string
  readonly hostSuffix: string
}

const WITHDRAW_OTHERS: Statement = {
  name: 'withdraw_other_regions',
  text: `UPDATE region SET status = 'withdrawn'
    WHERE status = 'active' AND code <> ALL (string_to_array($1::text, ' ')) RETURNING code`,
}

/**
 * Makes the stored regions those of the configuration; one that it no longer names is withdrawn, not deleted. Resolves to
 * those that were withdrawn now.
 */
export async function replaceRegions(db: IdentityDb, regions: readonly Region[]): Promise<readonly string[]> {
  for (const { code, ...fields } of regions) {
    const active = { ...fields, status: 'active' }
    await db.prisma.region.upsert({ where: { code }, create: { code, ...active }, update: active })
  }
  const withdrawn = await db.sql(WITHDRAW_OTHERS, [regions.map((region) => region.code).join(' ')])
  return withdrawn.map((row) => z.object({ code: z.string() }).parse(row).code)
}

const LIST_LEFT_WITHOUT_MANAGER: Statement = {
  name: 'list_organizations_left_without_manager',
  text: `SELECT o.slug FROM organization o
    WHERE o.status <> 'deleted' AND NOT has_active_manager(o.id)
      AND EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
        JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region
        WHERE m.org_id = o.id AND m.region = ANY (string_to_array($1::text, ' ')) AND m.role = 'manager'
          AND m.status = 'active' AND u.status = 'active' AND x.status = 'active')
    ORDER BY o.slug`,
}

/** The organizations that have no active manager, and had one in these regions. */
export async function listLeftWithoutManager(db: IdentityDb, regions: readonly string[]): Promise<readonly string[]> {
  const rows = await db.sql(LIST_LEFT_WITHOUT_MANAGER, [regions.join(' ')])
  return rows.map((row) => z.object({ slug: z.string() }).parse(row).slug)
}

/** The public address of an active region's API, which is the audience of its tokens. */
export async function findActiveApiUrl(db: IdentityDb, code: string): Promise<string | undefined> {
  const row = await db.prisma.region.findFirst({ where: { code, status: 'active' }, select: { apiUrl: true } })
  return row?.apiUrl
}
