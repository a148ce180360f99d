// Pages of everything are dear, and a client that asks for many at once would have the database to itself.
import { Refusal } from '../refusal.ts'

const AT_ONCE_MAX = 2
const TRY_AGAIN_SECONDS = 1

/** Does the work unless this client has as much under way in this process. Throws Refusal (rate_limited). */
export type BulkReads = <Page>(clientId: string, read: () => Promise<Page>) => Promise<Page>

export function createBulkReads(): BulkReads {
  const underWay = new Map<string, number>()
  return async (clientId, read) => {
    const before = underWay.get(clientId) ?? 0
    if (before >= AT_ONCE_MAX) {
      throw new Refusal('rate_limited', 'reads enough at once', undefined, { retryAfterSeconds: TRY_AGAIN_SECONDS })
    }
    underWay.set(clientId, before + 1)
    try {
      return await read()
    } finally {
      const left = (underWay.get(clientId) ?? 1) - 1
      if (left === 0) underWay.delete(clientId)
      else underWay.set(clientId, left)
    }
  }
}
