// Every setting of a region, parsed once. One image serves any region: its place is given here.
import { regionCodeSchema } from '@meridian/protocol/ids'
import { plainText } from '@meridian/protocol/plain-text'
import { parseHostName } from '@meridian/resource-server/host-name'
import { parseSecureUrl } from '@meridian/resource-server/secure-url'
import {
  booleanSetting,
  httpUrlSetting,
  integerSetting,
  listSetting,
  logLevelSetting,
  portSetting,
  secondsSetting,
  trustedProxiesSetting,
} from '@meridian/service-kit/settings'
import { z } from 'zod'

const hostListSetting = listSetting
  .refine((hosts) => hosts.every((host) => parseHostName(host) !== null), { error: 'names a host that is none' })
  .describe('hosts of this API that belong to no organization, separated by commas')

const originListSetting = listSetting
  .refine((origins) => origins.every((origin) => URL.parse(origin)?.origin === origin), { error: 'not all origins' })
  .describe('browser origins that may call this API with a bearer token, separated by commas')

export const configurationSchema = z
  .object({
    REGION_CODE: regionCodeSchema.describe("this region's code, such as in or us"),
    AUDIENCE: httpUrlSetting.describe("this region's public API URL, exactly as tokens name it in aud"),
    ISSUER: httpUrlSetting.describe('the issuer, exactly as tokens name it in iss; only compared'),
    IDENTITY_URL: httpUrlSetting.describe('where the identity service is reached from here'),
    JWKS_URL: httpUrlSetting.optional().describe("the issuer's key set, if not IDENTITY_URL/oauth/jwks"),
    ALLOW_INSECURE_IDENTITY: booleanSetting
      .default(false)
      .describe('true lets the identity service be reached over plain http beyond this machine'),
    CLIENT_ID: z.string().min(1).max(100).describe("the region's own client at the identity service"),
    CLIENT_SECRET: z.string().min(16).max(500).describe('its secret'),
    DATABASE_URL: z
      .string()
      .regex(/^postgres(ql)?:\/\//, { error: 'not a PostgreSQL URL' })
      .optional()
      .describe('the PostgreSQL database; without it an embedded one in DATA_FOLDER'),
    DATABASE_POOL_SIZE: integerSetting({ min: 1, max: 200 })
      .default(10)
      .describe('connections to PostgreSQL, 1 to 200'),
    DATA_FOLDER: z.string().min(1).optional().describe('where the embedded database lives'),
    HOST: z.string().min(1).default('127.0.0.1').describe('the address to listen on'),
    PORT: portSetting,
    METRICS_HOST: z.string().min(1).default('127.0.0.1').describe('the address on which GET /metrics is answered'),
    METRICS_PORT: portSetting
      .optional()
      .describe('the port on which GET /metrics is answered, on METRICS_HOST; absent: none'),
    NEUTRAL_HOSTS: hostListSetting,
    CORS_ORIGINS: originListSetting.default([]),
    TOKEN_LEEWAY_SECONDS: secondsSetting({ minSeconds: 10, maxSeconds: 60 })
      .default(30)
      .describe("seconds that the issuer's clock and ours may differ, 10 to 60"),
    TRUST_PROXY: trustedProxiesSetting
      .default(false)
      .describe('addresses or CIDR ranges of the reverse proxies whose X-Forwarded-* counts, separated by commas'),
    LOG_LEVEL: logLevelSetting.default('info'),
    BUILD: plainText
      .min(1)
      .max(100)
      .default('unnamed')
      .describe('what this build calls itself in its reports to the centre'),
  })
  .refine(({ DATABASE_URL, DATA_FOLDER }) => DATABASE_URL !== undefined || DATA_FOLDER !== undefined, {
    path: ['DATA_FOLDER'],
    error: 'needed where DATABASE_URL is not given',
  })
  .refine(isIdentityReachedSafely, {
    path: ['IDENTITY_URL'],
    error: 'must be https, unless it is on this machine or ALLOW_INSECURE_IDENTITY is true',
  })

export type Configuration = Readonly<z.output<typeof configurationSchema>>

function isIdentityReachedSafely(settings: { IDENTITY_URL: string; ALLOW_INSECURE_IDENTITY: boolean }): boolean {
  try {
    return parseSecureUrl(settings.IDENTITY_URL, settings.ALLOW_INSECURE_IDENTITY) !== undefined
  } catch {
    return false
  }
}
