// The sealer at work: once a second each process seals what waits, and now and then looks whether something waits that
// should not.
import type { Deps } from '../deps.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import { readBacklog, type SealBacklog } from '../store/audit-seals.ts'
import { type SealDeps, sealWaiting } from './seal.ts'

const SEAL_EVERY_MS = 1000
const LOOKS_EVERY_TURNS = 10
/** An event is sealed within five seconds ordinarily; only a transaction that stays open can hold it up. */
const ALARM_SECONDS = 60

/** How many events wait for their seal, and how long the oldest has. */
export function readSealBacklog(deps: Pick<Deps, 'db'>): Promise<SealBacklog> {
  return readBacklog(deps.db)
}

export function createSealer(deps: SealDeps): { turn(): Promise<void> } {
  let turns = 0

  async function raiseAlarm(): Promise<void> {
    const { waiting, oldest_seconds } = await readSealBacklog(deps)
    if (oldest_seconds <= ALARM_SECONDS) return
    deps.log.error({ waiting, oldest_seconds }, 'audit events have waited for their seal for more than a minute')
  }

  return {
    turn: async () => {
      try {
        await sealWaiting(deps)
        if (turns % LOOKS_EVERY_TURNS === 0) await raiseAlarm()
        turns += 1
      } catch (error) {
        deps.log.warn({ err: error }, 'audit events were not sealed; it is tried again in a second')
      }
    },
  }
}

export function startSealing(deps: SealDeps): Kept {
  const sealer = createSealer(deps)
  return keepDoing(() => sealer.turn(), SEAL_EVERY_MS)
}
