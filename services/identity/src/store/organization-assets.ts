import type { Statement } from '@meridian/database/database'
import { type AssetMediaType, assetDigestSchema, assetMediaTypeSchema } from '@meridian/protocol/org-settings'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type NewAsset = {
  readonly orgId: string
  readonly digest: string
  readonly mediaType: AssetMediaType
  readonly content: Uint8Array
}

const INSERT_ASSET: Statement = {
  name: 'insert_organization_asset',
  text: `INSERT INTO organization_asset (org_id, digest, media_type, content)
    SELECT $1::uuid, $2::text, $3::text, $4::bytea
    WHERE (SELECT count(*) FROM organization_asset WHERE org_id = $1::uuid) < $5::integer
    ON CONFLICT (org_id, digest) DO NOTHING RETURNING digest`,
}

/** Resolves to whether it did: not what is there already, nor where there are as many as may be. Lock the organization. */
export async function insertAsset(db: IdentityDb, asset: NewAsset, maxAssets: number): Promise<boolean> {
  const values = [asset.orgId, asset.digest, asset.mediaType, asset.content, maxAssets]
  return (await db.sql(INSERT_ASSET, values)).length === 1
}

const LIST_ASSETS: Statement = {
  name: 'list_organization_assets',
  text: `SELECT digest, media_type, octet_length(content) AS size_bytes FROM organization_asset
    WHERE org_id = $1::uuid ORDER BY created_at, digest`,
}

const assetRowSchema = z.object({ digest: assetDigestSchema, media_type: assetMediaTypeSchema, size_bytes: z.int() })
export type AssetRow = z.infer<typeof assetRowSchema>

export async function listAssets(db: IdentityDb, orgId: string): Promise<readonly AssetRow[]> {
  const rows = await db.sql(LIST_ASSETS, [orgId])
  return rows.map((row) => assetRowSchema.parse(row))
}

export async function hasAsset(db: IdentityDb, orgId: string, digest: string): Promise<boolean> {
  return (await db.prisma.organizationAsset.count({ where: { orgId, digest } })) === 1
}

export async function deleteAsset(db: IdentityDb, orgId: string, digest: string): Promise<boolean> {
  const { count } = await db.prisma.organizationAsset.deleteMany({ where: { orgId, digest } })
  return count === 1
}

const READ_ASSET: Statement = {
  name: 'read_organization_asset',
  text: `SELECT a.media_type, a.content FROM organization_asset a JOIN organization o ON o.id = a.org_id
    WHERE a.org_id = $1::uuid AND a.digest = $2::text AND o.status IN ('active', 'maintenance')`,
}

const contentSchema = z.object({ media_type: assetMediaTypeSchema, content: z.instanceof(Uint8Array) })

/** A picture of an open organization. */
export async function findAsset(
  db: IdentityDb,
  orgId: string,
  digest: string,
): Promise<{ mediaType: AssetMediaType; content: Uint8Array } | undefined> {
  const [row] = await db.sql(READ_ASSET, [orgId, digest])
  if (row === undefined) return undefined
  const { media_type: mediaType, content } = contentSchema.parse(row)
  return { mediaType, content }
}
