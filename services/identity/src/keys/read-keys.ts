import type { Deps } from '../deps.ts'
import { readLivingKeys } from '../store/signing-keys.ts'
import type { KeyView } from './life-cycle.ts'

/** The keys that are not retired, and what the live regions hold of them. */
export function readKeys(deps: Pick<Deps, 'db'>): Promise<KeyView> {
  return readLivingKeys(deps.db)
}
