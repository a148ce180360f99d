// Pieces for configuration schemas. Each reads text, since that is what an environment holds, and describes itself.
// Where a setting has a default, add `.default(…)`; where the description should say more, `.describe(…)` last.
import { z } from 'zod'

export const booleanSetting = z
  .enum(['true', 'false'], { error: 'not true or false' })
  .transform((text) => text === 'true')
  .describe('true or false')

export function integerSetting(bounds: { min: number; max: number }) {
  const expected = `a whole number from ${bounds.min} to ${bounds.max}`
  return z
    .string()
    .regex(/^(0|[1-9][0-9]{0,14})$/, { error: `not ${expected}` })
    .transform(Number)
    .refine((number) => number >= bounds.min && number <= bounds.max, { error: `not ${expected}` })
    .describe(expected)
}

/** 0 asks the system for a free port. */
export const portSetting = integerSetting({ min: 0, max: 65_535 }).describe('a port from 0 to 65535 (0: any free one)')

export function secondsSetting(bounds: { minSeconds: number; maxSeconds: number }) {
  return integerSetting({ min: bounds.minSeconds, max: bounds.maxSeconds }).describe(
    `seconds from ${bounds.minSeconds} to ${bounds.maxSeconds}`,
  )
}

export const logLevelSetting = z
  .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  .describe('a log level: fatal, error, warn, info, debug, trace or silent')

/** Absolute http(s), without credentials, query, fragment or closing slash, so that paths can be appended to it. */
export const httpUrlSetting = z
  .string()
  .refine(isBaseUrl, { error: 'not such a URL' })
  .describe('an absolute http or https URL without credentials, query, fragment or closing slash')

function isBaseUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return false
  if (url.username !== '' || url.password !== '' || /[?#\s]/.test(text) || text.endsWith('/')) return false
  return url.href === text || url.href === `${text}/`
}

/** Comma-separated; spaces around an item are not part of it. */
export const listSetting = z
  .string()
  .transform((text): readonly string[] =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .describe('a comma-separated list')

/** For `createServer`'s trustProxy. There is no "trust everyone": a forwarded address is only as good as its sender. */
export const trustedProxiesSetting = listSetting
  .transform((proxies): boolean | string[] => (proxies.length === 0 ? false : [...proxies]))
  .describe('the addresses or CIDR ranges of the reverse proxies, separated by commas')

export type SecretKey = { readonly id: string; readonly key: Uint8Array }
export type SecretKeyList = readonly [SecretKey, ...SecretKey[]]

/** HMAC or encryption keys, newest first: the first one signs or seals, all of them verify or open. */
export const secretKeyList = z
  .string()
  .transform((text, context): SecretKeyList => {
    const keys: SecretKey[] = []
    for (const [index, item] of text.split(',').entries()) {
      const key = parseSecretKey(item.trim())
      const fault = typeof key === 'string' ? key : keys.some(({ id }) => id === key.id) ? 'repeats an id' : undefined
      if (fault !== undefined) context.addIssue({ code: 'custom', message: `key ${index + 1} ${fault}` })
      else keys.push(key as SecretKey)
    }
    const [newest, ...older] = keys
    return newest === undefined ? z.NEVER : [newest, ...older]
  })
  .describe('keys, newest first, as id:base64url of at least 32 random bytes, separated by commas')

/** The key, or what is wrong with it (without any of its text). */
function parseSecretKey(item: string): SecretKey | string {
  const separator = item.indexOf(':')
  const id = item.slice(0, Math.max(separator, 0))
  const encoded = item.slice(separator + 1)
  if (!/^[a-z0-9]{1,8}$/.test(id)) return 'has no id of 1 to 8 letters a-z or digits before a colon'
  const key = Buffer.from(encoded, 'base64url')
  if (key.toString('base64url') !== encoded.replace(/={1,2}$/, '')) return 'is not base64url'
  if (key.byteLength < 32) return 'is shorter than 32 bytes'
  return { id, key: new Uint8Array(key) }
}
