// Pages are dear, and a client that asks for many at once would have the database to itself.
import { Refusal } from '../refusal.ts'

const TRY_AGAIN_SECONDS = 1

/**
 * Does the work, or when its turn comes where this client has as much under way in this process. Throws Refusal (rate_limited)
 * where as many wait for their turn.
 */
export type BulkReads = <Page>(clientId: string, read: () => Promise<Page>) => Promise<Page>

type Turns = { underWay: number; readonly waiting: (() => void)[] }

export function createBulkReads({
  atOnceMax,
  waitingMax,
}: {
  readonly atOnceMax: number
  readonly waitingMax: number
}): BulkReads {
  const clients = new Map<string, Turns>()

  async function takeTurn(turns: Turns): Promise<void> {
    if (turns.underWay < atOnceMax) {
      turns.underWay += 1
      return
    }
    if (turns.waiting.length >= waitingMax) {
      throw new Refusal('rate_limited', 'reads enough at once', undefined, { retryAfterSeconds: TRY_AGAIN_SECONDS })
    }
    await new Promise<void>((resolve) => turns.waiting.push(resolve))
  }

  return async (clientId, read) => {
    const turns = clients.get(clientId) ?? { underWay: 0, waiting: [] }
    clients.set(clientId, turns)
    await takeTurn(turns)
    try {
      return await read()
    } finally {
      const next = turns.waiting.shift()
      if (next === undefined) turns.underWay -= 1
      else next()
      if (turns.underWay === 0) clients.delete(clientId)
    }
  }
}
