// The host map at once, where the change feed tells of an organization or a domain: not only when its minute is over.
import type { Schedule } from '@meridian/resource-server/background-refresh'
import type { TenantHosts } from '@meridian/resource-server/host-map'
import type { NewsListener } from './follow-news.ts'

/** While more of them come: a map is told whole. */
const GAP_MS = 2_000

export function createHostRefresher(options: {
  readonly hosts: Pick<TenantHosts, 'refresh'>
  /** How often a map was asked for so far. */
  readonly timesAsked: () => number
  readonly schedule: Schedule
}): NewsListener & { stop(): void } {
  let isPausing = false
  let isWanted = false
  let cancel = () => {}

  function refresh(): void {
    isWanted = isPausing
    if (isPausing) return
    isPausing = true
    const before = options.timesAsked()
    const refreshed = options.hosts.refresh()
    // A question that was under way may have been answered before the change.
    if (options.timesAsked() === before) isWanted = true
    void refreshed.finally(() => {
      cancel = options.schedule(() => {
        isPausing = false
        if (isWanted) refresh()
      }, GAP_MS)
    })
  }

  return {
    onNews: ({ kinds }) => {
      if (kinds.includes('organization') || kinds.includes('domain')) refresh()
    },
    // At the start the map is asked for anyway, and each minute.
    onMissed: () => {},
    stop: () => cancel(),
  }
}
