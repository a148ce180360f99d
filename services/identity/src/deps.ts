// What everything is built from, as plain arguments. A feature takes the members it needs (`Pick<Deps, …>`).
import type { MakeId } from '@meridian/database/uuid-v7'
import type { Logger } from '@meridian/service-kit/logger'
import type { ResolveTxt } from './directory/txt-records.ts'
import type { KeySet } from './keys/key-set.ts'
import type { IdentityMetrics } from './metrics.ts'
import type { RandomBytes, Secrets } from './secrets/secrets.ts'
import type { Settings } from './settings.ts'
import type { IdentityDatabase } from './store/open-store.ts'

export type Deps = {
  readonly db: IdentityDatabase
  readonly settings: Settings
  readonly secrets: Secrets
  /** The signing keys as they are now. */
  readonly keySet: () => KeySet
  readonly makeId: MakeId
  readonly randomBytes: RandomBytes
  /** Asks the public DNS. */
  readonly resolveTxt: ResolveTxt
  readonly log: Logger
  readonly metrics: IdentityMetrics
}
