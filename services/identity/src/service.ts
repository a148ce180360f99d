// Puts the identity service together from its configuration: database, registry, keys, mail, HTTP, commands.
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { ConfigurationError } from '@meridian/service-kit/configuration'
import type { Logger } from '@meridian/service-kit/logger'
import { buildApp } from './app.ts'
import { startCommandSocket } from './cli/command-socket.ts'
import type { Configuration } from './config.ts'
import type { Deps } from './deps.ts'
import { applyRegistry, type Registry, registrySchema } from './directory/registry.ts'
import { keepKeySet } from './keys/keep-key-set.ts'
import { startKeyRotation } from './keys/keep-rotating.ts'
import { startOutboxWorker } from './mail/outbox.ts'
import { createSmtpSender } from './mail/smtp.ts'
import type { RandomBytes } from './secrets/secrets.ts'
import { startPurging } from './sessions/purging.ts'
import type { Settings } from './settings.ts'
import { openIdentityStore } from './store/open-store.ts'

export type RunningService = { readonly url: string; stop(): Promise<void> }

/** What the process lends: `now` orders ids and tells waiting; what expires is decided by the database's clock. */
export type World = { readonly now: () => number; readonly randomBytes: RandomBytes }

export async function startIdentityService(
  configuration: Configuration,
  log: Logger,
  { now, randomBytes }: World,
): Promise<RunningService> {
  const registry = parseRegistry(configuration.REGISTRY)
  const db = await openIdentityStore({
    url: configuration.DATABASE_URL,
    embedded: { folder: configuration.DATA_FOLDER },
    poolSize: configuration.DATABASE_POOL_SIZE,
    onMigration: (migration) => log.info({ migration }, 'applying migration'),
    onPoolError: (error) => log.warn({ err: error }, 'a database connection was lost'),
  })
  const stops: (() => Promise<void> | void)[] = [() => db.close()]
  const stop = async () => {
    for (const step of stops.reverse()) await step()
  }
  try {
    await applyRegistry({ db }, registry)
    const secrets = {
      tokenKeys: configuration.TOKEN_KEYS,
      otpKeys: configuration.OTP_KEYS,
      sealKeys: configuration.SEAL_KEYS,
    }
    const settings = settingsOf(configuration)
    const keys = await keepKeySet({ db, secrets, randomBytes, now, log })
    stops.push(() => keys.stop())
    const makeId = createUuidV7({ now, randomBytes })
    const deps: Deps = { db, settings, secrets, keySet: keys.current, makeId, randomBytes, log }
    const rotation = startKeyRotation(deps)
    stops.push(() => rotation.stop())
    const smtp = createSmtpSender({
      url: configuration.SMTP_URL,
      from: configuration.MAIL_FROM,
      requireTls: configuration.SMTP_REQUIRE_TLS && configuration.SMTP_URL.startsWith('smtp:'),
    })
    stops.push(() => smtp.close())
    const { sendMail } = smtp
    const outbox = startOutboxWorker({ db, secrets, sendMail, productName: settings.productName, log })
    stops.push(() => outbox.stop())
    const purging = startPurging({ db, log })
    stops.push(() => purging.stop())
    const commands = await startCommandSocket(deps, configuration.DATA_FOLDER)
    stops.push(() => commands.stop())
    const app = await buildApp(deps, {
      trustProxy: configuration.TRUST_PROXY,
      challengesPerMinute: configuration.CHALLENGES_PER_MINUTE,
      tokenRequestsPerMinute: configuration.TOKEN_REQUESTS_PER_MINUTE,
      pageRequestsPerMinute: configuration.PAGE_REQUESTS_PER_MINUTE,
    })
    const url = await app.listen({ host: configuration.HOST, port: configuration.PORT })
    stops.push(() => app.close())
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function parseRegistry(text: string): Registry {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new ConfigurationError(['REGISTRY: is not JSON'])
  }
  const parsed = registrySchema.safeParse(document)
  if (parsed.success) return parsed.data
  throw new ConfigurationError(
    parsed.error.issues.map((issue) => `REGISTRY: ${issue.path.join('.')}: ${issue.message}`),
  )
}

export function settingsOf(configuration: Configuration): Settings {
  return {
    issuer: configuration.ISSUER,
    accessTokenTtlSeconds: configuration.ACCESS_TOKEN_TTL_SECONDS,
    refreshIdleSeconds: configuration.REFRESH_IDLE_SECONDS,
    refreshAbsoluteSeconds: configuration.REFRESH_ABSOLUTE_SECONDS,
    browserBodyAbsoluteSeconds: configuration.BROWSER_BODY_ABSOLUTE_SECONDS,
    signOnIdleSeconds: configuration.SIGN_ON_IDLE_SECONDS,
    signOnAbsoluteSeconds: configuration.SIGN_ON_ABSOLUTE_SECONDS,
    sysAdminIdleSeconds: configuration.SYS_ADMIN_IDLE_SECONDS,
    sysAdminAbsoluteSeconds: configuration.SYS_ADMIN_ABSOLUTE_SECONDS,
    refreshGraceSeconds: configuration.REFRESH_GRACE_SECONDS,
    authorizationCodeTtlSeconds: configuration.AUTHORIZATION_CODE_TTL_SECONDS,
    stepUpMaxAgeSeconds: configuration.STEP_UP_MAX_AGE_SECONDS,
    otpTtlSeconds: configuration.OTP_TTL_SECONDS,
    otpResendSeconds: configuration.OTP_RESEND_SECONDS,
    otpSendsPerHour: configuration.OTP_SENDS_PER_HOUR,
    otpSendsPerDay: configuration.OTP_SENDS_PER_DAY,
    emailChangeUndoSeconds: configuration.EMAIL_CHANGE_UNDO_SECONDS,
    keyActiveSeconds: configuration.KEY_ACTIVE_SECONDS,
    keyStagedSeconds: configuration.KEY_STAGED_SECONDS,
    mailFrom: configuration.MAIL_FROM,
    productName: configuration.PRODUCT_NAME,
  }
}
