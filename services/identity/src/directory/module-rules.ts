// Which modules may stand together: an enhancement stands only beside every standalone module that it requires. The
// rule looks at the set that a change would leave, so it holds for granting without as for withdrawing from under.
import { Refusal } from '../refusal.ts'

export type Module = {
  readonly key: string
  readonly kind: 'standalone' | 'enhancement'
  /** Keys of standalone modules; none for a standalone module. */
  readonly requires: readonly string[]
}

/** The modules that can be had, by their keys. */
export type ModuleCatalogue = ReadonlyMap<string, Module>

export type Lack = { readonly module: string; readonly missing: readonly string[] }

/** The enhancements of a set that lack what they require, and what that is; by key. */
export function findLacks(catalogue: ModuleCatalogue, keys: Iterable<string>): readonly Lack[] {
  const set = new Set(keys)
  const lacks: Lack[] = []
  for (const key of [...set].sort()) {
    const missing = (catalogue.get(key)?.requires ?? []).filter((required) => !set.has(required)).sort()
    if (missing.length > 0) lacks.push({ module: key, missing })
  }
  return lacks
}

/** Throws Refusal (INVALID_MODULE) for a key that the set of those that can be had does not have. */
export function requireModules(known: { has(key: string): boolean }, keys: Iterable<string>): void {
  for (const module of keys) {
    if (!known.has(module)) throw new Refusal('INVALID_MODULE', 'no such module', undefined, { members: { module } })
  }
}

/**
 * Throws Refusal (ENHANCEMENT_REQUIRES_STANDALONE) where the resulting set lacks what it did not lack before: what a
 * change of the catalogue left behind does not stand in the way of other changes.
 */
export function requireStandalones(
  catalogue: ModuleCatalogue,
  resulting: Iterable<string>,
  before: Iterable<string> = [],
): void {
  const known = new Map(findLacks(catalogue, before).map((lack) => [lack.module, new Set(lack.missing)]))
  for (const { module, missing } of findLacks(catalogue, resulting)) {
    if (missing.every((key) => known.get(module)?.has(key))) continue
    throw new Refusal('ENHANCEMENT_REQUIRES_STANDALONE', `would lack ${missing.join(', ')}`, undefined, {
      members: { module, missing },
    })
  }
}

/** Which modules of a licence are switched on: those that were, and the new ones that can stand beside them. */
export function switchedOn(
  catalogue: ModuleCatalogue,
  licence: Iterable<string>,
  before: { readonly licence: ReadonlySet<string>; readonly enabled: ReadonlySet<string> },
): ReadonlySet<string> {
  const keys = [...licence]
  const kept = new Set(keys.filter((key) => before.enabled.has(key) || !before.licence.has(key)))
  const lacking = new Set(findLacks(catalogue, kept).map(({ module }) => module))
  return new Set([...kept].filter((key) => before.enabled.has(key) || !lacking.has(key)))
}
