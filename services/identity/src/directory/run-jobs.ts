// Works off jobs, a part at a time and each part in one transaction with the note that it is done: a process that is
// killed leaves nothing half, and any other goes on from there.
import { withTransaction } from '@meridian/database/transaction'
import { isDatabaseUnavailable } from '@meridian/service-kit/database-unavailable'
import type { Deps } from '../deps.ts'
import { failJob, noteJobProgress, takeJob } from '../store/jobs.ts'
import { importRows } from './invitation-import.ts'

type RunningDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets' | 'settings' | 'log'>

/** The organization's row is locked meanwhile: its people wait no longer than this takes. */
const ROWS_PER_TRANSACTION = 25
const TRANSACTION_TIMEOUT_MS = 20_000
const POLL_MS = 1000

/** Does a part of the oldest job that nobody works on. Resolves to whether there was one. */
export async function runNextPart(deps: RunningDeps): Promise<boolean> {
  let taken: string | undefined
  try {
    await withTransaction(
      deps.db,
      async (db) => {
        const job = await takeJob(db)
        taken = job?.id
        if (job === undefined) return
        const report = await importRows(deps, db, job, ROWS_PER_TRANSACTION)
        await noteJobProgress(db, job.id, job.done + report.length, report)
      },
      { timeoutMs: TRANSACTION_TIMEOUT_MS },
    )
  } catch (error) {
    if (taken === undefined || isDatabaseUnavailable(error)) throw error
    deps.log.error({ err: error, job: taken }, 'a job cannot go on')
    await failJob(deps.db, taken)
  }
  return taken !== undefined
}

/** Works off what is queued, and looks for more each second. */
export function startJobWorker(deps: RunningDeps): { stop(): Promise<void> } {
  let isStopped = false
  let wake: () => void = () => {}
  const loop = async () => {
    while (!isStopped) {
      const hadWork = await runNextPart(deps).catch((error: unknown) => {
        deps.log.warn({ err: error }, 'jobs could not be worked on; they are tried again')
        return false
      })
      if (hadWork || isStopped) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  const running = loop()
  return {
    stop: async () => {
      isStopped = true
      wake()
      await running
    },
  }
}
