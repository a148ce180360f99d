// Pictures of an organization, such as its logo. They are public, and named by their content: what an address shows never
// changes, and the same picture twice is one.
import { createHash } from 'node:crypto'
import { assetDigestSchema, type OrgAsset, type OrgAssetList } from '@meridian/protocol/org-settings'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import {
  type AssetRow,
  deleteAsset,
  findAsset,
  hasAsset,
  insertAsset,
  listAssets,
} from '../store/organization-assets.ts'
import { requireAuthority } from './authority.ts'
import { byActor } from './by-actor.ts'
import { imageTypeOf } from './image-type.ts'
import { lockForManagers, recordingRefusal } from './organization-change.ts'
import { type Caller, settingsOf } from './organization-details.ts'

type AssetDeps = Pick<Deps, 'db' | 'makeId' | 'settings'>

const MAX_ASSETS = 20

/** Throws Refusal: access_denied, invalid_request, conflict. */
export async function addAsset(
  deps: AssetDeps,
  caller: Caller,
  org: string,
  content: Uint8Array,
  origin: Origin,
): Promise<OrgAsset> {
  const attempt = { kind: 'organization.asset_added', caller, org, origin } as const
  const digest = createHash('sha256').update(content).digest('hex')
  return recordingRefusal(deps, attempt, async (db) => {
    const { row } = await lockForManagers(db, attempt)
    const mediaType = imageTypeOf(content)
    if (mediaType === undefined)
      throw new Refusal('invalid_request', 'no picture', 'The body is no PNG, JPEG or WebP picture')
    if (await insertAsset(db, { orgId: row.id, digest, mediaType, content }, MAX_ASSETS)) {
      const event = { ...byActor(caller, origin), orgId: row.id, details: { digest, media_type: mediaType } }
      await recordAudit(db, deps.makeId, attempt.kind, { ...event, outcome: 'success' })
    } else if (!(await hasAsset(db, row.id, digest))) {
      throw new Refusal('conflict', 'too many pictures', `There are ${MAX_ASSETS} pictures already: delete one first`)
    }
    const asset = { digest: assetDigestSchema.parse(digest), media_type: mediaType, size_bytes: content.length }
    return present(deps, row.id, asset)
  })
}

/** Throws Refusal (access_denied). */
export async function listOwnAssets(deps: AssetDeps, caller: Caller, org: string): Promise<OrgAssetList> {
  const { org_id: orgId } = await requireAuthority(deps.db, caller, org, 'organization:write')
  return { assets: (await listAssets(deps.db, orgId)).map((row) => present(deps, orgId, row)) }
}

/** Throws Refusal: access_denied, not_found, and conflict for the logo in use. */
export async function removeAsset(
  deps: AssetDeps,
  caller: Caller,
  org: string,
  digest: string,
  origin: Origin,
): Promise<void> {
  const attempt = { kind: 'organization.asset_removed', caller, org, origin } as const
  await recordingRefusal(deps, attempt, async (db) => {
    const { row } = await lockForManagers(db, attempt)
    if (settingsOf(row.settings).branding?.logo === digest)
      throw new Refusal('conflict', 'it is the logo', 'It is the logo: change settings.branding first')
    if (!(await deleteAsset(db, row.id, digest))) throw new Refusal('not_found', 'no such picture')
    const event = { ...byActor(caller, origin), orgId: row.id, details: { digest } }
    await recordAudit(db, deps.makeId, attempt.kind, { ...event, outcome: 'success' })
  })
}

/** For anybody. Throws Refusal (not_found), the same for what is not there and for an organization that is closed. */
export async function readAsset(deps: Pick<Deps, 'db'>, orgId: string, digest: string) {
  const found = await findAsset(deps.db, orgId, digest)
  if (found === undefined) throw new Refusal('not_found', 'no such picture')
  return found
}

/** Where a picture is, on this service. */
export function assetPathOf(orgId: string, digest: string): string {
  return `/assets/${orgId}/${digest}`
}

function present({ settings }: Pick<Deps, 'settings'>, orgId: string, row: AssetRow): OrgAsset {
  return { ...row, url: `${settings.issuer}${assetPathOf(orgId, row.digest)}` }
}
