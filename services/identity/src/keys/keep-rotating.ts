// The keeper: once a minute each process sees whether a key is due. Several may; changeKeys lets one of them do it.
import type { Logger } from '@meridian/service-kit/logger'
import { readLivingKeys } from '../store/signing-keys.ts'
import { dueTransitions, type KeyPolicy, readinessOf } from './life-cycle.ts'
import { changeKeys, type RotateDeps } from './rotate-keys.ts'

const LOOK_EVERY_MS = 60_000

type KeeperDeps = RotateDeps & { readonly settings: KeyPolicy; readonly log: Logger }

/** Does what is due, once. */
async function rotateDueKeys(deps: KeeperDeps): Promise<void> {
  const done = await changeKeys(deps, (view) => dueTransitions(view, deps.settings), { requestId: 'key-rotation' })
  for (const { kind, alg, kid } of done) deps.log.info({ kid, alg, transition: kind }, 'a signing key moved on')
}

/** The regions that keep a staged key waiting beyond the time that a report takes. */
async function listLateRegions(deps: KeeperDeps): Promise<readonly { kid: string; regions: readonly string[] }[]> {
  const view = await readLivingKeys(deps.db)
  return view.keys.flatMap((key) => {
    if (key.status !== 'staged') return []
    const { isLate, missing } = readinessOf(key, view, deps.settings)
    return isLate ? [{ kid: key.kid, regions: missing }] : []
  })
}

type Keeper = { look(): Promise<void> }

export function createKeeper(deps: KeeperDeps): Keeper {
  let told = ''

  /** Names who is late, and again only when that changes. */
  async function warnOfLateRegions(): Promise<void> {
    const late = await listLateRegions(deps)
    const telling = JSON.stringify(late)
    if (telling === told) return
    told = telling
    for (const { kid, regions } of late) {
      deps.log.warn({ kid, regions }, 'a staged signing key waits for regions that have not reported that they hold it')
    }
  }

  return {
    look: async () => {
      try {
        await rotateDueKeys(deps)
        await warnOfLateRegions()
      } catch (error) {
        deps.log.warn({ err: error }, 'the signing keys were not looked after; it is tried again in a minute')
      }
    },
  }
}

export function startKeyRotation(deps: KeeperDeps): { stop(): Promise<void> } {
  const keeper = createKeeper(deps)
  let looking = keeper.look()
  const timer = setInterval(() => {
    looking = looking.then(keeper.look)
  }, LOOK_EVERY_MS)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await looking
    },
  }
}
