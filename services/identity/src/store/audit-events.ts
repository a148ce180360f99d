import type { IdentityDb } from './open-store.ts'

export type AuditEvent = {
  readonly id: string
  readonly kind: string
  readonly outcome: 'success' | 'refused'
  readonly requestId: string
  readonly actorUserId?: string | null
  readonly clientId?: string | null
  readonly sessionId?: string | null
  readonly orgId?: string | null
  readonly region?: string | null
  readonly ip?: string | null
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

export async function insertAuditEvent(db: IdentityDb, event: AuditEvent): Promise<void> {
  const { details, ...fields } = event
  await db.prisma.auditEvent.create({ data: { ...fields, details: details ?? {} } })
}
