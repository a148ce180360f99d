// A follower of the change feed that holds what it was told, and what it should hold by the directory's own tables.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChangesPage, DigestsPage, FeedEntry, SnapshotPage } from '@meridian/protocol/feed'
import { createChangeLane } from '../../services/identity/src/feed/change-lane.ts'
import { Refusal } from '../../services/identity/src/refusal.ts'
import { takeReturn } from '../../services/identity/src/store/feed-followers.ts'
import { VIEW } from '../support/feed-view.ts'
import type { IdentityUnderTest } from '../support/identity.ts'
import { ask } from '../support/races.ts'

export type Held = ReadonlyMap<string, FeedEntry>
export type Backup = { readonly cursor: string | undefined; readonly held: Held }
export type Follower = ReturnType<typeof followerOf>

export function followerOf(identity: Pick<IdentityUnderTest, 'deps'>, region = 'in', clientId = `region-${region}`) {
  const who = { region, clientId }
  const returns: (number | null | undefined)[] = []
  let meanwhile: () => Promise<void> = async () => {}
  const lane = createChangeLane(identity.deps, {
    waiters: { hint: () => {}, count: () => 0, stop: async () => {}, wait: () => meanwhile() },
    onReturned: async (returned) => void returns.push(await takeReturn(identity.deps.db, returned)),
  })
  const { signal } = new AbortController()
  const held = new Map<string, FeedEntry>()
  let cursor: string | undefined

  const ask = (after: string | undefined, limit = 500): Promise<ChangesPage> =>
    lane.readChanges(who, { after, waitSeconds: 0, limit, signal })

  /** A question that is answered once something has been done. */
  function askAndWait(after: string | undefined, work: () => Promise<void>): Promise<ChangesPage> {
    meanwhile = work
    return lane.readChanges(who, { after, waitSeconds: 1, limit: 500, signal })
  }

  /** Newer wins. */
  function apply(entries: readonly FeedEntry[]): void {
    for (const entry of entries) {
      const key = `${entry.kind}/${entry.id}`
      const known = held.get(key)
      if (known === undefined || known.revision < entry.revision) held.set(key, entry)
    }
  }

  async function readPage(limit: number): Promise<ChangesPage> {
    const page = await ask(cursor, limit)
    apply(page.entries)
    cursor = page.cursor
    return page
  }

  return {
    ask,
    askAndWait,
    held: held as Held,
    cursor: () => cursor,
    backUp: (): Backup => ({ cursor, held: new Map(held) }),
    restore: (backup: Backup) => {
      cursor = backup.cursor
      held.clear()
      for (const [key, entry] of backup.held) held.set(key, entry)
    },
    readPage,
    /** To the end of what is committed: transactions of other databases on the server hold the feed back as well. */
    follow: async (limit = 500): Promise<void> => {
      for (;;) {
        const { more, behind_seconds: behind } = await readPage(limit)
        if (!more && behind === 0) return
        if (!more) await sleep(10)
      }
    },
    /** When this follower was found to have gone back. */
    returns,
    snapshot: (range: { after?: string; through?: string; limit?: number } = {}): Promise<SnapshotPage> =>
      lane.readSnapshot(who, { after: range.after, through: range.through, limit: range.limit ?? 1000 }),
    rebuild: async (limit = 1000): Promise<void> => {
      held.clear()
      for (let after: string | undefined; ; ) {
        const page = await lane.readSnapshot(who, { after, through: undefined, limit })
        if (after === undefined) cursor = page.cursor
        apply(page.entries)
        if (page.next === null) return
        after = page.next
      }
    },
    digests: (after?: string): Promise<DigestsPage> => lane.readDigests(who, after),
  }
}

/** Takes the entry at a cursor, as compaction does: a later one stands for it. */
export async function takeEntryAt(identity: Pick<IdentityUnderTest, 'db'>, cursor: string): Promise<void> {
  const seq = cursor.split('.')[2]
  const columns = 'region, kind, entity_id, gone'
  await ask(identity, `INSERT INTO change (${columns}) SELECT ${columns} FROM change WHERE seq = $1::bigint`, [seq])
  await ask(identity, 'DELETE FROM change WHERE seq = $1::bigint', [seq])
}

/** `ok`, or the code of the refusal. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'ok'
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

/** What is held of what is to be seen, in the order of keys. */
export function statesOf(held: Held): Record<string, unknown> {
  const seen = [...held].filter(([, { state }]) => state !== null)
  return sorted(seen.map(([key, { state }]) => [key, state]))
}

/** What the region should hold. */
export async function viewOf(
  identity: Pick<IdentityUnderTest, 'db'>,
  region: string,
): Promise<Record<string, unknown>> {
  const rows = await ask(identity, `SELECT kind, id, state FROM (${VIEW.replaceAll('$1', '$1::text')}) v`, [region])
  return sorted(rows.map(({ kind, id, state }) => [`${kind}/${id}`, state]))
}

function sorted(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries([...entries].sort(([one], [other]) => (one < other ? -1 : 1)))
}
