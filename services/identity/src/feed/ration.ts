// What a client may ask for so often in this process: some at once, and then at a steady rate, as a bucket that fills again.
import { Refusal } from '../refusal.ts'

type Bucket = { left: number; filledAtMs: number }

/** Counts one more of this client. Throws Refusal (rate_limited). */
export type Ration = (clientId: string) => void

export function createRation(
  { atOnce, perSecond }: { readonly atOnce: number; readonly perSecond: number },
  nowMs: () => number,
): Ration {
  const buckets = new Map<string, Bucket>()
  return (clientId) => {
    const now = nowMs()
    const { left, filledAtMs } = buckets.get(clientId) ?? { left: atOnce, filledAtMs: now }
    const filled = Math.min(atOnce, left + ((now - filledAtMs) / 1000) * perSecond)
    const isEmpty = filled < 1
    buckets.set(clientId, { left: isEmpty ? filled : filled - 1, filledAtMs: now })
    if (isEmpty) {
      const retryAfterSeconds = Math.ceil((1 - filled) / perSecond)
      throw new Refusal('rate_limited', 'asks too often', undefined, { retryAfterSeconds })
    }
  }
}
