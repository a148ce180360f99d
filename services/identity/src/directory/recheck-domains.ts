// Each proved domain is looked at once a day: whoever gives up a domain, or loses it, does not go on being served there.
// Many processes may do this; each domain is handed to one of them. A claim that nobody has proved in a month lapses.
import type { Deps } from '../deps.ts'
import { type StoredDomain, takeDueDomains } from '../store/domains.ts'
import { lapseClaim } from './domains.ts'
import { applyLook, type LookDeps, lookAt } from './look-at-domain.ts'

const LOOK_FOR_DUE_EVERY_MS = 60_000
const DOMAINS_AT_ONCE = 20
/** When a look that came to nothing (no answer, a process that died) is taken again. */
const LEASE_SECONDS = 3600

type RecheckDeps = LookDeps & Pick<Deps, 'log'>

/** Looks at the domains that are due, and gives how many they were. */
export async function recheckDomains(deps: RecheckDeps): Promise<number> {
  const due = await takeDueDomains(deps.db, DOMAINS_AT_ONCE, LEASE_SECONDS)
  await Promise.all(due.map((domain) => recheck(deps, domain)))
  return due.length
}

async function recheck(deps: RecheckDeps, domain: StoredDomain): Promise<void> {
  const cause = { requestId: 'domain-check' }
  try {
    if (domain.status === 'pending') return await lapseClaim(deps, domain, cause)
    const look = await lookAt(deps, domain)
    const status = await applyLook(deps, domain, look, cause)
    if (status !== domain.status || look === 'unanswered')
      deps.log.info({ domain_id: domain.id, org_id: domain.org_id, look, status }, 'a domain was looked at')
  } catch (error) {
    deps.log.warn({ err: error, domain_id: domain.id }, 'a domain was not looked at; it is tried again in an hour')
  }
}

export function startDomainChecks(deps: RecheckDeps): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  let isStopping = false
  const lookAtDue = async () => {
    try {
      while (!isStopping && (await recheckDomains(deps)) === DOMAINS_AT_ONCE);
    } catch (error) {
      deps.log.warn({ err: error }, 'no domains were looked at; it is tried again in a minute')
    }
  }
  const timer = setInterval(() => {
    running = running.then(lookAtDue)
  }, LOOK_FOR_DUE_EVERY_MS)
  timer.unref()
  return {
    stop: async () => {
      isStopping = true
      clearInterval(timer)
      await running
    },
  }
}
