import type { ModuleList } from '@meridian/protocol/modules'
import type { Deps } from '../deps.ts'
import { listModules } from '../store/modules.ts'

/** What organizations can have; the operator's configuration says so (registry.ts). */
export async function readModuleCatalogue(deps: Pick<Deps, 'db'>): Promise<ModuleList> {
  return { modules: [...(await listModules(deps.db))] }
}
