import type { Deps } from '../deps.ts'
import { compactSome, forgetSomeGone } from '../store/feed-compaction.ts'

/** Of one round; what is left is for the next. */
const ROUND_MAX_MS = 60_000

/** Keeps the log of changes as long as what regions see is wide. Resolves to how many entries went. */
export async function compactFeed({ db, settings }: Pick<Deps, 'db' | 'settings'>): Promise<number> {
  const until = performance.now() + ROUND_MAX_MS
  const steps = [() => compactSome(db), () => forgetSomeGone(db, settings.feedRetentionSeconds)]
  let total = 0
  for (const step of steps) {
    for (let mayBeMore = true; mayBeMore && performance.now() < until; ) {
      const { taken, ...rest } = await step()
      total += taken
      mayBeMore = rest.mayBeMore
    }
  }
  return total
}
