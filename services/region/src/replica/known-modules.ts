import type { OrgId } from '@meridian/protocol/ids'
import type { KnownModules } from '@meridian/resource-server/admission'
import { findModules } from '../store/entitlements.ts'
import type { RegionDatabase } from '../store/open-store.ts'
import { createAppliedFacts } from './applied-facts.ts'
import type { NewsListener } from './follow-news.ts'

const FACTS_MAX = 10_000

/** Which modules organizations have here, as the change feed tells. Nothing told: none. */
export function createKnownModules(options: {
  readonly database: RegionDatabase
  readonly nowMs: () => number
}): KnownModules & NewsListener {
  const lookUp = (orgId: OrgId) => findModules(options.database, orgId)
  const facts = createAppliedFacts({ lookUp, factsMax: FACTS_MAX, nowMs: options.nowMs })
  return {
    has: (orgId, module) => {
      const modules = facts.find(orgId)
      return modules === undefined ? facts.get(orgId).then((found) => found.has(module)) : modules.has(module)
    },
    onNews: ({ organizations, applied }) => facts.forget(organizations as Iterable<OrgId>, applied),
    onMissed: facts.forgetAll,
  }
}
