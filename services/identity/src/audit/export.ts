// Hands the audit out, an event a line, with all that is needed to verify it elsewhere (README.md says how). The export
// is an event itself.
import { type AuditExportLine, type AuditExportQuery, auditExportEventSchema } from '@meridian/protocol/audit'
import type { Deps } from '../deps.ts'
import { PLATFORM_CHAIN } from '../store/audit-rows.ts'
import { type AuditExportRow, type AuditScope, findNewestCheckpoint, readAuditPage } from '../store/audit-search.ts'
import { whoDigestOf } from './chain.ts'
import { type Origin, recordAudit } from './record.ts'
import { viewOf } from './search.ts'

const PAGE_EVENTS = 500

export type Exporting = {
  /** Null: the operator, by a command. */
  readonly person: { readonly userId: string; readonly clientId: string; readonly sessionId: string } | null
  readonly origin: Pick<Origin, 'requestId'> & Partial<Pick<Origin, 'ip'>>
}

/** Notes who takes it away before the first line leaves, and reads page by page as fast as it is taken. */
export async function exportAudit(
  deps: Pick<Deps, 'db' | 'makeId'>,
  scope: AuditScope,
  range: AuditExportQuery,
  { person, origin }: Exporting,
): Promise<AsyncGenerator<AuditExportLine>> {
  await recordAudit(deps.db, deps.makeId, 'audit.exported', {
    outcome: 'success',
    requestId: origin.requestId,
    ip: origin.ip ?? null,
    actorUserId: person?.userId ?? null,
    clientId: person?.clientId ?? null,
    sessionId: person?.sessionId ?? null,
    orgId: scope.kind === 'org' ? scope.orgId : null,
    details: { from: range.from, to: range.to, ...(scope.kind === 'org' ? { regions: scope.regions } : {}) },
  })
  return linesOf(deps, scope, range)
}

async function* linesOf(
  deps: Pick<Deps, 'db'>,
  scope: AuditScope,
  range: AuditExportQuery,
): AsyncGenerator<AuditExportLine> {
  let events = 0
  for (let last: AuditExportRow | undefined, isLast = false; !isLast; ) {
    const rows: readonly AuditExportRow[] = await readAuditPage(deps.db, scope, range, last, PAGE_EVENTS)
    for (const row of rows) yield lineOf(row)
    events += rows.length
    last = rows.at(-1)
    isLast = rows.length < PAGE_EVENTS
  }
  const checkpoint = await findNewestCheckpoint(deps.db, scope.kind === 'org' ? scope.orgId : PLATFORM_CHAIN)
  yield { type: 'end', events, checkpoint }
}

function lineOf(row: AuditExportRow): AuditExportLine {
  const { seq, chain, hash, previous_hash, personal_digest } = row
  return auditExportEventSchema.parse({
    ...viewOf(row),
    type: 'event',
    chain,
    seq,
    previous_hash,
    hash,
    who_digest: whoDigestOf(row),
    personal_digest,
  })
}
