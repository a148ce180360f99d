// Puts the identity service together from its configuration: database, registry, keys, mail, HTTP, commands.
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { ConfigurationError } from '@meridian/service-kit/configuration'
import type { Logger } from '@meridian/service-kit/logger'
import { startMetricsListener } from '@meridian/service-kit/metrics'
import { buildApp } from './app.ts'
import { startSealing } from './audit/keep-sealing.ts'
import { startCommandSocket } from './cli/command-socket.ts'
import type { Configuration } from './config.ts'
import type { Deps } from './deps.ts'
import { startEndingSupport } from './directory/end-overdue-support.ts'
import { measureRegions } from './directory/measure-regions.ts'
import { startPurgingOrganizations } from './directory/purge-organizations.ts'
import { startDomainChecks } from './directory/recheck-domains.ts'
import { applyRegistry, type Registry, registrySchema } from './directory/registry.ts'
import { startJobWorker } from './directory/run-jobs.ts'
import { createTxtResolver } from './directory/txt-records.ts'
import { startWatchingRegions } from './directory/watch-regions.ts'
import { createCheckpointSigner } from './keys/checkpoint-signature.ts'
import { keepKeySet } from './keys/keep-key-set.ts'
import { startKeyRotation } from './keys/keep-rotating.ts'
import { startOutboxWorker } from './mail/outbox.ts'
import { createSmtpSender } from './mail/smtp.ts'
import { createIdentityMetrics } from './metrics.ts'
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
    const { leftWithoutManager: slugs } = await applyRegistry({ db }, registry)
    if (slugs.length > 0)
      log.warn(
        { organizations: slugs },
        'with a region that REGISTRY names no longer, organizations lost their last active manager',
      )
    const secrets = {
      tokenKeys: configuration.TOKEN_KEYS,
      otpKeys: configuration.OTP_KEYS,
      sealKeys: configuration.SEAL_KEYS,
    }
    const settings = settingsOf(configuration)
    const keys = await keepKeySet({ db, secrets, randomBytes, now, log })
    stops.push(() => keys.stop())
    const resolveTxt = createTxtResolver(configuration.DNS_SERVERS)
    const makeId = createUuidV7({ now, randomBytes })
    const metrics = createIdentityMetrics()
    const deps: Deps = { db, settings, secrets, keySet: keys.current, makeId, randomBytes, resolveTxt, log, metrics }
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
    const organizations = startPurgingOrganizations(deps)
    stops.push(() => organizations.stop())
    const purging = startPurging(deps)
    stops.push(() => purging.stop())
    const support = startEndingSupport(deps)
    stops.push(() => support.stop())
    const domainChecks = startDomainChecks(deps)
    stops.push(() => domainChecks.stop())
    const sealing = startSealing({ ...deps, signCheckpoint: createCheckpointSigner(deps) })
    stops.push(() => sealing.stop())
    const jobs = startJobWorker(deps)
    stops.push(() => jobs.stop())
    const regions = startWatchingRegions(deps)
    stops.push(() => regions.stop())
    const commands = await startCommandSocket(deps, configuration.DATA_FOLDER)
    stops.push(() => commands.stop())
    const app = await buildApp(deps, {
      trustProxy: configuration.TRUST_PROXY,
      challengesPerMinute: configuration.CHALLENGES_PER_MINUTE,
      tokenRequestsPerMinute: configuration.TOKEN_REQUESTS_PER_MINUTE,
      pageRequestsPerMinute: configuration.PAGE_REQUESTS_PER_MINUTE,
      hostLookupsPerMinute: configuration.HOST_LOOKUPS_PER_MINUTE,
    })
    const url = await app.listen({ host: configuration.HOST, port: configuration.PORT })
    stops.push(() => app.close())
    if (configuration.METRICS_PORT !== undefined) {
      metrics.all.addProcess()
      metrics.all.beforeReading(() => measureRegions(deps))
      const listener = await startMetricsListener(metrics.all, {
        host: configuration.METRICS_HOST,
        port: configuration.METRICS_PORT,
        log,
      })
      stops.push(() => listener.stop())
      log.info({ url: listener.url }, 'metrics')
    }
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
    invitationTtlSeconds: configuration.INVITATION_TTL_SECONDS,
    invitationResendSeconds: configuration.INVITATION_RESEND_SECONDS,
    invitationMailsPerDay: configuration.INVITATION_MAILS_PER_DAY,
    invitationsPerDay: configuration.INVITATIONS_PER_DAY,
    invitationsPendingMax: configuration.INVITATIONS_PENDING_MAX,
    deletionGraceSeconds: configuration.DELETION_GRACE_SECONDS,
    slugQuarantineSeconds: configuration.SLUG_QUARANTINE_SECONDS,
    feedRetentionSeconds: configuration.FEED_RETENTION_SECONDS,
    baseDomain: configuration.BASE_DOMAIN,
    domainsMax: configuration.DOMAINS_MAX,
    domainGraceSeconds: configuration.DOMAIN_GRACE_SECONDS,
    domainLapseSeconds: configuration.DOMAIN_LAPSE_SECONDS,
    domainQuarantineSeconds: configuration.DOMAIN_QUARANTINE_SECONDS,
    mailFrom: configuration.MAIL_FROM,
    productName: configuration.PRODUCT_NAME,
  }
}
