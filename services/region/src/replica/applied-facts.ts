// Remembers what look-ups in the region's database said, until news of the replica make it old. Bounded: two
// generations of at most `factsMax` each, as of tokens. Correct with several processes: a look-up says which news it
// includes, and news of other processes come as a process's own do (follow-news.ts).

export type Looked<Fact> = { readonly applied: number; readonly fact: Fact }

export type AppliedFacts<Id, Fact> = {
  /** What is remembered, if anything is. */
  find(id: Id): Fact | undefined
  /** Remembered, or looked up; who ask together look once. */
  get(id: Id): Promise<Fact>
  /** These may be different as of this news. */
  forget(ids: Iterable<Id>, applied: number): void
  /** As of this news, which may be older than what was heard before: a database that was put back. */
  forgetAll(applied: number): void
}

/** Were news ever missed, this is how long it could matter. */
const KEPT_MS = 60_000

export function createAppliedFacts<Id, Fact>(options: {
  readonly lookUp: (id: Id) => Promise<Looked<Fact>>
  readonly factsMax: number
  readonly nowMs: () => number
}): AppliedFacts<Id, Fact> {
  type Remembered = { readonly fact: Fact; readonly readAtMs: number }
  let young = new Map<Id, Remembered>()
  let old = new Map<Id, Remembered>()
  const looking = new Map<Id, Promise<Fact>>()
  let latest = 0

  function remember(id: Id, remembered: Remembered): void {
    if (young.size >= options.factsMax) {
      old = young
      young = new Map()
    }
    young.set(id, remembered)
  }

  function drop(id: Id): void {
    young.delete(id)
    old.delete(id)
    // Whoever asks from now on must not get the answer of a look-up that began before.
    looking.delete(id)
  }

  function find(id: Id): Fact | undefined {
    const recent = young.get(id)
    const remembered = recent ?? old.get(id)
    if (remembered === undefined) return undefined
    if (Math.abs(options.nowMs() - remembered.readAtMs) > KEPT_MS) {
      drop(id)
      return undefined
    }
    if (recent === undefined) remember(id, remembered)
    return remembered.fact
  }

  async function lookUp(id: Id): Promise<Fact> {
    const readAtMs = options.nowMs()
    const { applied, fact } = await options.lookUp(id)
    // Older than news that have been heard, it is an answer for now and no longer.
    if (applied >= latest) remember(id, { fact, readAtMs })
    return fact
  }

  return {
    find,
    get: async (id) => {
      const found = find(id)
      if (found !== undefined) return found
      const known = looking.get(id)
      if (known !== undefined) return known
      const look = lookUp(id).finally(() => {
        if (looking.get(id) === look) looking.delete(id)
      })
      looking.set(id, look)
      return look
    },
    forget: (ids, applied) => {
      latest = Math.max(latest, applied)
      for (const id of ids) drop(id)
    },
    forgetAll: (applied) => {
      latest = applied
      young = new Map()
      old = new Map()
      looking.clear()
    },
  }
}
