// The regions and clients of the local stack, and each service's environment: everything that its parts must agree on.
import { join } from 'node:path'
import type { Options, Ports, ServiceName } from './options.ts'
import { type StackSecrets, secretHash } from './secrets.ts'

export const REGIONS = [
  { code: 'in', name: 'India' },
  { code: 'us', name: 'United States' },
] as const

/** Where the browser apps of the stack's clients are served from, in development. */
const APP_ORIGIN = 'http://localhost:4200'

export const addressOf = (ports: Ports, service: ServiceName | 'mail') => `http://localhost:${ports[service]}`

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const SCOPES = ['openid', 'profile', 'email']

export function registryOf(ports: Ports, secrets: StackSecrets) {
  const publicClient = {
    auth_method: 'none',
    account_token: true,
    allowed_resources: ['*'],
    grant_types: ['authorization_code', 'refresh_token', TOKEN_EXCHANGE],
    scopes: SCOPES,
  }
  const browserClient = {
    ...publicClient,
    browser: true,
    redirect_uris: [`${APP_ORIGIN}/callback`],
    post_logout_redirect_uris: [`${APP_ORIGIN}/`],
    allowed_origins: [APP_ORIGIN],
  }
  return {
    regions: REGIONS.map(({ code, name }) => ({
      code,
      name,
      api_url: addressOf(ports, code),
      host_suffix: `${code}.localhost`,
    })),
    clients: [
      { ...browserClient, id: 'spa', name: 'Browser app', first_party: true, refresh_transport: 'cookie' },
      { ...browserClient, id: 'spa-standard', name: 'Browser app with a standard library' },
      {
        ...publicClient,
        id: 'native',
        name: 'Mobile and desktop app',
        first_party: true,
        redirect_uris: ['http://127.0.0.1/callback'],
      },
      ...REGIONS.map(({ code, name }) => ({
        id: `region-${code}`,
        name: `Region ${name}`,
        first_party: true,
        auth_method: 'client_secret_basic',
        client_secret_sha256: secretHash(secrets.clientSecrets[`region-${code}`]),
        region: code,
        allowed_resources: [addressOf(ports, code)],
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        scopes: SCOPES,
      })),
    ],
    modules: [
      { key: 'records', name: 'Records', kind: 'standalone', requires: [] },
      { key: 'calendar', name: 'Calendar', kind: 'standalone', requires: [] },
      { key: 'reports', name: 'Reports', kind: 'enhancement', requires: ['records'] },
      { key: 'insights', name: 'Insights', kind: 'enhancement', requires: ['records', 'calendar'] },
    ],
  }
}

export function identityEnvironment(options: Options, secrets: StackSecrets, registryPath: string) {
  const { ports } = options
  return withOverrides(options, 'identity', {
    ISSUER: addressOf(ports, 'identity'),
    PORT: String(ports.identity),
    DATA_FOLDER: join(options.dataFolder, 'identity'),
    REGISTRY_FILE: registryPath,
    TOKEN_KEYS: secrets.TOKEN_KEYS,
    OTP_KEYS: secrets.OTP_KEYS,
    SEAL_KEYS: secrets.SEAL_KEYS,
    SMTP_URL: `smtp://127.0.0.1:${ports.smtp}`,
    SMTP_REQUIRE_TLS: 'false',
    MAIL_FROM: 'Meridian <no-reply@meridian.test>',
  })
}

export function regionEnvironment(options: Options, secrets: StackSecrets, code: 'in' | 'us') {
  const { ports } = options
  return withOverrides(options, code, {
    REGION_CODE: code,
    AUDIENCE: addressOf(ports, code),
    ISSUER: addressOf(ports, 'identity'),
    IDENTITY_URL: `http://127.0.0.1:${ports.identity}`,
    CLIENT_ID: `region-${code}`,
    CLIENT_SECRET: secrets.clientSecrets[`region-${code}`],
    PORT: String(ports[code]),
    DATA_FOLDER: join(options.dataFolder, code),
    NEUTRAL_HOSTS: 'localhost,127.0.0.1',
    CORS_ORIGINS: APP_ORIGIN,
  })
}

function withOverrides(options: Options, service: ServiceName, environment: Record<string, string>) {
  const url = options.databaseUrls[service]
  return { ...environment, ...(url === undefined ? {} : { DATABASE_URL: url }), ...options.settings[service] }
}
