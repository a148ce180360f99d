import { withTransaction } from '@meridian/database/transaction'
import type { OrgId } from '@meridian/protocol/ids'
import type { RegionDatabase, TenantDb } from './open-store.ts'

/** The advisory lock of an organization: shared by its transactions, waited for by its erasure. */
export function organizationLock(orgId: string): string {
  return `hashtextextended('organization ' || ${orgId}, 0)`
}

/** All hold until the transaction ends, however it ends: the next user of the connection starts as nobody. */
const ENTER_TENANT = {
  name: 'enter_tenant',
  text: `SELECT set_config('role', 'meridian_tenant', true), set_config('app.org_id', $1::text, true), true AS held
    FROM pg_advisory_xact_lock_shared(${organizationLock('$1::text')})`,
}

/** Runs `work` as the role that owns nothing, seeing and writing rows of this organization only. */
export function withTenant<T>(database: RegionDatabase, orgId: OrgId, work: (db: TenantDb) => Promise<T>): Promise<T> {
  return withTransaction(database, async (db) => {
    await db.sql(ENTER_TENANT, [orgId])
    return work(db)
  })
}
