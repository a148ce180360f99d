// The identity service's configuration: one schema, parsed once. README's table of settings is checked against it.
import {
  booleanSetting,
  httpUrlSetting,
  integerSetting,
  listSetting,
  logLevelSetting,
  portSetting,
  secondsSetting,
  secretKeyList,
  trustedProxiesSetting,
} from '@meridian/service-kit/settings'
import { z } from 'zod'
import { parseDomainName } from './directory/domain-name.ts'

const seconds = (minSeconds: number, maxSeconds: number) => secondsSetting({ minSeconds, maxSeconds })
const DAY = 86_400

/** `__Host-` cookies (RFC 6265bis §4.1.3.2) have no path, and neither have the pages. */
const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text

export const configurationSchema = z.object({
  ISSUER: httpUrlSetting
    .refine(isOrigin, { error: 'must have no path: its cookies belong to a whole host' })
    .describe('the address that clients reach this service at, and the `iss` of every token'),
  HOST: z.string().default('127.0.0.1').describe('the address to listen on'),
  PORT: portSetting.default(4000).describe('the port to listen on'),
  METRICS_HOST: z.string().min(1).default('127.0.0.1').describe('the address on which GET /metrics is answered'),
  METRICS_PORT: portSetting
    .optional()
    .describe('the port on which GET /metrics is answered, on METRICS_HOST; absent: none'),
  DATABASE_URL: z.string().optional().describe('PostgreSQL 15 or newer; absent: an embedded database in DATA_FOLDER'),
  DATABASE_POOL_SIZE: integerSetting({ min: 1, max: 200 }).default(10).describe('connections to PostgreSQL'),
  DATA_FOLDER: z.string().min(1).describe('a folder of this process alone, for the embedded database and its socket'),
  REGISTRY: z.string().min(1).describe('the regions, modules and clients, as JSON (or REGISTRY_FILE, its path)'),
  TOKEN_KEYS: secretKeyList.describe('MAC keys of refresh tokens and codes, newest first, as id:base64url,…'),
  OTP_KEYS: secretKeyList.describe('MAC keys of one-time codes, newest first, as id:base64url,…'),
  SEAL_KEYS: secretKeyList.describe('keys that seal signing keys and queued mail, newest first, as id:base64url,…'),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//)
    .describe('smtp:// or smtps:// with host, port and credentials'),
  SMTP_REQUIRE_TLS: booleanSetting.default(true).describe('whether plain SMTP must offer STARTTLS'),
  MAIL_FROM: z.string().min(3).describe('the sender of every mail'),
  PRODUCT_NAME: z.string().min(1).max(60).default('Meridian').describe('how mails call the product'),
  LOG_LEVEL: logLevelSetting.default('info').describe('fatal, error, warn, info, debug, trace or silent'),
  TRUST_PROXY: trustedProxiesSetting.default(false).describe('addresses or CIDR ranges of reverse proxies, by commas'),
  ACCESS_TOKEN_TTL_SECONDS: seconds(300, 900).default(600).describe('life of an access token'),
  REFRESH_IDLE_SECONDS: seconds(600, 180 * DAY)
    .default(90 * DAY)
    .describe('life of an unused refresh token'),
  REFRESH_ABSOLUTE_SECONDS: seconds(600, 400 * DAY)
    .default(365 * DAY)
    .describe('longest sign-in, however active'),
  BROWSER_BODY_ABSOLUTE_SECONDS: seconds(600, 7 * DAY)
    .default(DAY)
    .describe('longest sign-in of a browser client without cookie transport'),
  SIGN_ON_IDLE_SECONDS: seconds(600, 180 * DAY)
    .default(30 * DAY)
    .describe('life of an unused sign-on at the hosted pages'),
  SIGN_ON_ABSOLUTE_SECONDS: seconds(600, 400 * DAY)
    .default(90 * DAY)
    .describe('longest sign-on at the hosted pages'),
  SYS_ADMIN_IDLE_SECONDS: seconds(60, DAY).default(1800).describe('life of an unused sign-in of a sys-admin'),
  SYS_ADMIN_ABSOLUTE_SECONDS: seconds(600, DAY).default(43_200).describe('longest sign-in of a sys-admin'),
  REFRESH_GRACE_SECONDS: seconds(0, 300).default(30).describe('how long a refresh may be repeated without its key'),
  AUTHORIZATION_CODE_TTL_SECONDS: seconds(10, 300).default(60).describe('life of an authorization code'),
  STEP_UP_MAX_AGE_SECONDS: seconds(60, 3600)
    .default(600)
    .describe('how old a sign-in may be for what needs a recent one'),
  OTP_TTL_SECONDS: seconds(300, 900).default(900).describe('life of a mailed code'),
  OTP_RESEND_SECONDS: seconds(10, 600).default(60).describe('wait before an address can be sent another code'),
  OTP_SENDS_PER_HOUR: integerSetting({ min: 1, max: 20 }).default(5).describe('codes an address is sent in an hour'),
  OTP_SENDS_PER_DAY: integerSetting({ min: 1, max: 50 }).default(10).describe('codes an address is sent in a day'),
  EMAIL_CHANGE_UNDO_SECONDS: seconds(DAY, 30 * DAY)
    .default(7 * DAY)
    .describe('how long a change of address can be undone from the old one'),
  KEY_ACTIVE_SECONDS: seconds(2 * DAY, 400 * DAY)
    .default(30 * DAY)
    .describe('how long a key signs before the next one does'),
  KEY_STAGED_SECONDS: seconds(3600, DAY)
    .default(3600)
    .describe('how long a key is published, at least, before it signs'),
  INVITATION_TTL_SECONDS: seconds(3600, 30 * DAY)
    .default(7 * DAY)
    .describe('life of an invitation'),
  INVITATION_RESEND_SECONDS: seconds(10, DAY).default(300).describe('wait before an invitation is mailed again'),
  INVITATION_MAILS_PER_DAY: integerSetting({ min: 1, max: 50 })
    .default(5)
    .describe('invitations mailed to one address in a day, by all organizations together'),
  INVITATIONS_PER_DAY: integerSetting({ min: 1, max: 100_000 })
    .default(500)
    .describe('invitations that an organization mails in a day'),
  INVITATIONS_PENDING_MAX: integerSetting({ min: 1, max: 10_000 })
    .default(100)
    .describe('invitations of an organization that wait for an answer'),
  DELETION_GRACE_SECONDS: seconds(7 * DAY, 90 * DAY)
    .default(30 * DAY)
    .describe('how long a deleted organization can be restored'),
  SLUG_QUARANTINE_SECONDS: seconds(30 * DAY, 1000 * DAY)
    .default(365 * DAY)
    .describe("how long a slug that was given up is nobody else's"),
  FEED_RETENTION_SECONDS: seconds(DAY, 90 * DAY)
    .default(30 * DAY)
    .describe('how long a region may be away and still be told of what is gone'),
  BASE_DOMAIN: z
    .string()
    .refine((text) => parseDomainName(text) === text || text === 'localhost', { error: 'is no domain in lower case' })
    .optional()
    .describe('the domain below which a slug leads to the home region of its organization'),
  DNS_SERVERS: listSetting.default([]).describe('DNS servers to ask for TXT records; none: as the machine does'),
  DOMAINS_MAX: integerSetting({ min: 1, max: 1000 }).default(50).describe('own domains of an organization'),
  DOMAIN_GRACE_SECONDS: seconds(DAY, 60 * DAY)
    .default(7 * DAY)
    .describe('how long an own domain is served without its TXT record'),
  DOMAIN_LAPSE_SECONDS: seconds(7 * DAY, 400 * DAY)
    .default(60 * DAY)
    .describe('how long an own domain is kept without its TXT record'),
  DOMAIN_QUARANTINE_SECONDS: seconds(2 * DAY, 400 * DAY)
    .default(30 * DAY)
    .describe("how long a domain that was given up is nobody else's"),
  CHALLENGES_PER_MINUTE: integerSetting({ min: 1, max: 1_000_000 })
    .default(60)
    .describe('requests to /oauth/challenge by one address in a minute'),
  TOKEN_REQUESTS_PER_MINUTE: integerSetting({ min: 1, max: 10_000_000 })
    .default(1200)
    .describe('requests to /oauth/token by one address in a minute'),
  PAGE_REQUESTS_PER_MINUTE: integerSetting({ min: 1, max: 1_000_000 })
    .default(300)
    .describe('requests to the hosted pages and /oauth/authorize by one address in a minute'),
  HOST_LOOKUPS_PER_MINUTE: integerSetting({ min: 1, max: 10_000_000 })
    .default(6000)
    .describe('requests to /v1/hosts by one address in a minute'),
})
export type Configuration = z.infer<typeof configurationSchema>
