// E-mail addresses as contacts. Normalized once, here: the same person is the same string.
// Case is folded and Unicode is NFKC-composed; plus-tags and dots are left alone, they are other mailboxes.
import { z } from 'zod'

export const emailAddressSchema = z
  .string()
  .max(320)
  .transform((address) => address.normalize('NFKC').trim().toLowerCase())
  .pipe(z.email({ pattern: z.regexes.unicodeEmail }).max(254))
  .refine((address) => /@[^@]+\.[^.@]{2,}$/.test(address), 'has no full domain name')
  .refine((address) => !/[\p{Cc}\p{Cf}]/u.test(address), 'has an invisible character')
  // RFC 5322 §3.2.3: these stand in an address in quotation marks only, and mail programs read more into them.
  .refine((address) => !/[<>()[\],;:\\"]/.test(address), 'has a character that is none of an address')
  .brand<'EmailAddress'>()
