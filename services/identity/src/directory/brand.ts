import { z } from 'zod'
import type { IdentityDb } from '../store/open-store.ts'
import { findBranding } from '../store/organizations.ts'

export type Brand = { readonly name: string; readonly colour: string | null; readonly logoUrl: string | null }

const brandingSchema = z.object({
  name: z.string().min(1).max(100).optional().catch(undefined),
  colour: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/)
    .nullable()
    .catch(null),
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
  const branding = brandingSchema.safeParse(found.branding)
  const { name, colour, logo_url: logoUrl } = branding.success ? branding.data : { colour: null, logo_url: null }
  return { name: name ?? found.name, colour, logoUrl }
}
