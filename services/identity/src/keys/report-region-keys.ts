import type { Deps } from '../deps.ts'
import { replaceRegionKeys } from '../store/signing-keys.ts'

/** Keeps what a region says that it holds; what it no longer names is forgotten. */
export function reportRegionKeys(deps: Pick<Deps, 'db'>, region: string, kids: readonly string[]): Promise<void> {
  return replaceRegionKeys(deps.db, region, kids)
}
