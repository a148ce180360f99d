import { Refusal } from '../refusal.ts'
import { isLossOfLastManager } from '../store/organizations.ts'
import { isLossOfLastSysAdmin } from '../store/sys-admins.ts'

/** What the database itself keeps, as a refusal: the platform's last sys-admin, and an organization's last manager. */
export function refusalOfLoss(error: unknown): Refusal | undefined {
  if (isLossOfLastSysAdmin(error))
    return new Refusal('conflict', 'the last sys-admin', 'Appoint another system administrator first')
  return isLossOfLastManager(error) ? new Refusal('last_manager', 'the last manager somewhere') : undefined
}
