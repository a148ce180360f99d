// What an organization's managers set of their own: how it looks and how its people write dates and times.
import { z } from 'zod'
import { displayNameSchema } from './orgs.ts'

/** SHA-256 of the picture, in hexadecimal. */
export const assetDigestSchema = z.string().regex(/^[0-9a-f]{64}$/)

const colourSchema = z
  .string()
  .regex(/^#[0-9a-fA-F]{6}$/)
  .toLowerCase()

/** An organization that has branding, empty even, has chosen to be shown to whoever names it. */
export const brandingSchema = z.strictObject({
  /** Where it is not the organization's own. */
  name: displayNameSchema.optional(),
  colour: colourSchema.optional(),
  accent_colour: colourSchema.optional(),
  /** A picture that was uploaded before. */
  logo: assetDigestSchema.optional(),
})

/** BCP 47. */
const localeSchema = z
  .string()
  .max(35)
  .refine((tag) => {
    try {
      return Intl.getCanonicalLocales(tag)[0] === tag
    } catch {
      return false
    }
  }, 'is no language tag in its canonical form')

/** A name of the IANA database. */
const timeZoneSchema = z
  .string()
  .max(60)
  .regex(/^[A-Z]/)
  .refine((timeZone) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== ''
    } catch {
      return false
    }
  }, 'is no time zone')

export const orgSettingsSchema = z.strictObject({
  branding: brandingSchema.nullable().optional(),
  locale: localeSchema.nullable().optional(),
  time_zone: timeZoneSchema.nullable().optional(),
})
export type OrgSettings = z.infer<typeof orgSettingsSchema>

/** `GET /v1/branding`: null for an organization that is not to be seen, and for one that there is not. */
export const publicBrandingSchema = z.strictObject({
  branding: z
    .strictObject({
      name: z.string(),
      colour: z.string().nullable(),
      accent_colour: z.string().nullable(),
      logo_url: z.string().nullable(),
    })
    .nullable(),
})
export type PublicBranding = z.infer<typeof publicBrandingSchema>

/** `org`: an id or a slug. */
export const brandingQuerySchema = z.strictObject({ org: z.string().min(1).max(100) })

/** By what a picture begins with. There is no SVG: it can carry script and load what it names. */
export const assetMediaTypeSchema = z.enum(['image/png', 'image/jpeg', 'image/webp'])
export type AssetMediaType = z.infer<typeof assetMediaTypeSchema>

export const ASSET_MAX_BYTES = 256 * 1024

export const orgAssetSchema = z.strictObject({
  digest: assetDigestSchema,
  media_type: assetMediaTypeSchema,
  size_bytes: z.int(),
  /** Public, and the same picture for good. */
  url: z.string(),
})
export type OrgAsset = z.infer<typeof orgAssetSchema>

export const orgAssetListSchema = z.strictObject({ assets: z.array(orgAssetSchema) })
export type OrgAssetList = z.infer<typeof orgAssetListSchema>
