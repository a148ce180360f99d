import type { Job } from '@meridian/protocol/jobs'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findJob, type JobRow } from '../store/jobs.ts'
import { type Acting, regionsOfAuthority, requireAuthority } from './authority.ts'
import { instantOf } from './instant.ts'

/**
 * A job of the organization, for whoever started it and for managers of all the regions that it concerns. Throws
 * Refusal: access_denied, not_found.
 */
export async function readJob(deps: Pick<Deps, 'db'>, person: Acting, org: string, id: string): Promise<Job> {
  const standing = await requireAuthority(deps.db, person, org, 'members:read')
  const reader = { userId: person.userId, regions: regionsOfAuthority(standing, 'members:read') }
  const found = await findJob(deps.db, standing.org_id, id, reader)
  if (found === undefined) throw new Refusal('not_found', 'no such job of this organization, or of other regions')
  return presentJob(found)
}

export function presentJob({ created_at: createdAt, finished_at: finishedAt, ...row }: JobRow): Job {
  return {
    ...row,
    created_at: instantOf(createdAt),
    finished_at: finishedAt === null ? null : instantOf(finishedAt),
  }
}
