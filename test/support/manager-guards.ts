import type { IdentityDatabase } from '../../services/identity/src/store/open-store.ts'
import { ask } from './races.ts'

/** For a test that closes places and opens organizations by hand, whoever manages them, and looks at what follows. */
export async function letManagersGo(identity: { readonly db: IdentityDatabase }): Promise<void> {
  await ask(identity, 'ALTER TABLE organization DISABLE TRIGGER organization_opens_with_manager')
  await ask(identity, 'ALTER TABLE organization_region DISABLE TRIGGER organization_region_keeps_manager')
}
