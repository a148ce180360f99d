import { assetDigestSchema, type PublicBranding } from '@meridian/protocol/org-settings'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findBranding } from '../store/organization-details.ts'
import { assetPathOf } from './organization-assets.ts'

export type Brand = {
  readonly name: string
  readonly colour: string | null
  readonly accentColour: string | null
  /** A path on this service, or an https URL. */
  readonly logoUrl: string | null
}

const colourSchema = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/)
  .nullable()
  .catch(null)

const brandingSchema = z.object({
  name: z.string().min(1).max(120).optional().catch(undefined),
  colour: colourSchema,
  accent_colour: colourSchema,
  logo: assetDigestSchema.optional().catch(undefined),
  /** As an import may have written it. */
  logo_url: z
    .url({ protocol: /^https$/ })
    .max(500)
    .nullable()
    .catch(null),
})

/**
 * How an organization (id or slug) wants to be shown; null where there is none to be seen. Anybody may ask: without
 * `settings.branding` it has not chosen to be shown, and looks like one that does not exist.
 */
export async function findBrand(db: IdentityDb, org: string | undefined): Promise<Brand | null> {
  if (org === undefined) return null
  const found = await findBranding(db, org)
  if (found?.branding === undefined || found.branding === null) return null
  const parsed = brandingSchema.safeParse(found.branding)
  const branding = parsed.success ? parsed.data : brandingSchema.parse({})
  const { name = found.name, colour, accent_colour: accentColour, logo, logo_url: logoUrl } = branding
  return { name, colour, accentColour, logoUrl: logo === undefined ? logoUrl : assetPathOf(found.id, logo) }
}

/** The same for programs, such as the app that shows it. */
export async function readPublicBranding(deps: Pick<Deps, 'db' | 'settings'>, org: string): Promise<PublicBranding> {
  const brand = await findBrand(deps.db, org)
  if (brand === null) return { branding: null }
  const { name, colour, accentColour, logoUrl } = brand
  const url = logoUrl === null ? null : new URL(logoUrl, deps.settings.issuer).href
  return { branding: { name, colour, accent_colour: accentColour, logo_url: url } }
}
