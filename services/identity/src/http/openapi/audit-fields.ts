// Fields of the audit. How they are found is fields.ts.
import type { Field } from './field.ts'

export const AUDIT_FIELDS: Readonly<Record<string, Field>> = {
  'AuditPage.events': { text: 'Newest first.' },
  'AuditEvent.id': { text: 'Id of the event.', example: '0198c5f2-a1b2-7c3d-8e4f-5a6b7c8d9e0f' },
  'AuditEvent.at': { text: 'When it happened, by the database’s clock.', example: '2026-01-01T00:00:00.000000Z' },
  'AuditEvent.kind': { text: 'What happened.', example: 'membership.role_changed' },
  'AuditEvent.outcome': { text: 'Whether it was done, or refused.', example: 'success' },
  'AuditEvent.actor': { text: 'Who did it.' },
  'AuditActor.kind': { text: '`nobody`: the service itself, or somebody unknown.', example: 'person' },
  'AuditActor.id': { text: 'Id of the person; null where it is nobody, or not for this audit’s readers to know.' },
  'AuditEvent.client_id': { text: 'The client it was done with.', example: 'spa' },
  'AuditEvent.session_id': { text: 'The sign-in it was done in, or that it is about.' },
  'AuditEvent.org_id': { text: 'The organization it concerns; null: the platform alone.' },
  'AuditEvent.region': { text: 'The region it concerns; null: the whole organization.', example: 'in' },
  'AuditEvent.request_id': { text: 'As X-Request-Id had it.', example: 'mC9tX2vT0pZ1qK7yB4nR8w' },
  'AuditEvent.ip': { text: 'Network address; null where there was none, or it was erased.', example: '192.0.2.7' },
  'AuditEvent.details': { text: 'Ids, codes and counts; `before` and `after` of a change.', example: {} },
  'AuditEvent.seq': { text: 'Its place in the chain; null until it is sealed, seconds later.', example: 42 },
  'Query.kind': { text: 'A kind, or the word before its dot for all of them.', example: 'membership' },
  'Query.actor': { text: 'Id of the person who did it.' },
  'Query.outcome': { text: 'Whether it was done, or refused.' },
  'Query.from': { text: 'The first instant.', example: '2026-01-01T00:00:00Z' },
  'Query.to': { text: 'The first instant that is too late.', example: '2026-02-01T00:00:00Z' },
}
