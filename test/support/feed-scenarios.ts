// Runs one fault after another on a world in which a directory changes all the while, and after each holds the regions to
// what the centre has; the table of all is printed at the end.
import type { Test } from 'tap'
import { digestsDiffer } from './feed-digests.ts'
import type { FeedWorld } from './feed-world.ts'
import type { Writer } from './feed-writer.ts'

export type Scenario = {
  readonly title: string
  readonly changes: number
  /** Hundreds of entities in each transaction. */
  readonly isBulk?: boolean
  /** Puts faults on the world until `isOver`; resolves to how many. Everything is healed again by then. */
  readonly fault: (isOver: () => boolean) => Promise<number>
  /** Whether an older state may take the place of a newer one: only where the centre itself went back. */
  readonly mayGoBack?: boolean
}

/** Between two transactions of the writer: as long as faults take to have their effect. */
const PAUSE_MS = 5
/** Titles of the scenarios to run, where somebody looks into one. */
const ONLY = new RegExp(process.env['FEED_ONLY'] ?? '')

export type Scenarios = { run(scenario: Scenario): Promise<void>; print(): void }

export function createScenarios(t: Test, world: () => FeedWorld, writer: () => Writer): Scenarios {
  const rows: (readonly string[])[] = [['scenario', 'faults', 'changes', 'differences']]

  return {
    run: async ({ title, changes, isBulk = false, fault, mayGoBack = false }) => {
      if (!ONLY.test(title)) return
      let written = 0
      let isWritten = false
      const { write, writeInBulk } = writer()
      const writing = (isBulk ? writeInBulk : write)(changes, PAUSE_MS)
        .then((count) => {
          written = count
        })
        .finally(() => {
          isWritten = true
        })
      const [faults] = await Promise.all([fault(() => isWritten), writing])
      const differences = [...(await world().differences(mayGoBack)), ...(await digestsDiffer(world()))]
      t.strictSame(differences, [], title)
      rows.push([title, String(faults), String(written), differences.length === 0 ? '0' : `${differences.length}!`])
    },
    print: () => {
      const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
      for (const row of rows) t.comment(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    },
  }
}
