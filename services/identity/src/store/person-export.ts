// What is held about a person, section by section, in the form in which it is handed to them. A new table that names a
// person gets its section here, or is said in README.md to have none.
import type { Statement } from '@meridian/database/database'
import { type ExportedEvent, type PersonExport, personExportSchema } from '@meridian/protocol/export'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { hashesOf, hashesParameter, OWN_INVITATIONS } from './person-contacts.ts'

export type ExportedPerson = {
  readonly id: string
  readonly addresses: readonly string[]
  readonly contactMacs: readonly Uint8Array[]
}

const at = (column: string, name = column.replace(/^.*\./, '')) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${name}`
const ORG = `jsonb_build_object('id', o.id, 'slug', o.slug, 'name', o.name) AS org`
const DEVICE = `jsonb_build_object('user_agent', s.user_agent, 'ip', s.ip) AS device`
const END = `${at('s.revoked_at', 'ended_at')}, s.revoked_reason AS ended_reason`
const CONTEXTS = `(SELECT coalesce(jsonb_agg(to_jsonb(k)), '[]') FROM (
  SELECT org_id, region, ${at('first_used_at')} FROM session_context WHERE session_id = s.id ORDER BY first_used_at) k)`

const byId = ({ id }: ExportedPerson) => [id]
const byContact = ({ contactMacs }: ExportedPerson) => [hashesParameter(contactMacs)]
const byAddress = ({ id, addresses }: ExportedPerson) => [id, addresses.join(' ')]

/** The two that are one row; the others are lists. */
const SINGLE = new Set<string>(['account', 'known_devices'])

type Section = Exclude<keyof PersonExport, 'events' | 'exported_at'>
const SECTIONS: Readonly<Record<Section, readonly [text: string, (person: ExportedPerson) => readonly unknown[]]>> = {
  account: [
    `SELECT id, email, ${at('email_verified_at')}, phone, name, status, platform_role, ${at('created_at')}, version
      FROM user_account WHERE id = $1::uuid`,
    byId,
  ],
  memberships: [
    `SELECT m.id, ${ORG}, m.region, m.role, m.status, m.display_name, ${at('m.created_at')}, ${at('m.changed_at')}
      FROM membership m JOIN organization o ON o.id = m.org_id WHERE m.user_id = $1::uuid ORDER BY m.id`,
    byId,
  ],
  regions: [
    `SELECT code, name, api_url FROM region
      WHERE code IN (SELECT region FROM membership WHERE user_id = $1::uuid) ORDER BY code`,
    byId,
  ],
  sessions: [
    `SELECT s.id, s.client_id, ${DEVICE}, ${at('s.created_at')}, ${at('s.auth_time')}, ${END}, ${CONTEXTS} AS contexts
      FROM session s WHERE s.user_id = $1::uuid ORDER BY s.id`,
    byId,
  ],
  sign_ons: [
    `SELECT s.id, ${DEVICE}, ${at('s.created_at')}, ${at('s.last_used_at')}, ${END}
      FROM sign_on_session s WHERE s.user_id = $1::uuid ORDER BY s.id`,
    byId,
  ],
  remembered_contexts: [
    `SELECT client_id, org_id, region, ${at('used_at')} FROM client_context WHERE user_id = $1::uuid ORDER BY client_id`,
    byId,
  ],
  known_devices: [
    `SELECT count(*) AS count, ${at('max(used_at)', 'last_used_at')} FROM known_device WHERE contact_mac IN ${hashesOf('$1')}`,
    byContact,
  ],
  email_changes: [
    `SELECT id, old_email, new_email, ${at('created_at')}, ${at('committed_at')}, ${at('stopped_at')}
      FROM email_change WHERE user_id = $1::uuid ORDER BY id`,
    byId,
  ],
  invitations: [
    `SELECT i.id, ${ORG}, i.email, i.status, ${at('i.created_at')}, ${at('i.expires_at')}, ${at('i.settled_at')},
        (SELECT coalesce(jsonb_agg(jsonb_build_object('region', r.region, 'role', r.role) ORDER BY r.region), '[]')
          FROM invitation_role r WHERE r.invitation_id = i.id) AS roles
      FROM invitation i JOIN organization o ON o.id = i.org_id
      WHERE i.id IN ${OWN_INVITATIONS} ORDER BY i.id`,
    byAddress,
  ],
  mails: [
    `SELECT kind, status, ${at('created_at')} FROM mail_outbox WHERE contact_mac IN ${hashesOf('$1')} ORDER BY id`,
    byContact,
  ],
  support_grants: [
    `SELECT id, org_id, region, status, ${at('requested_at')}, ${at('decided_at')}, ${at('ended_at')},
        CASE $1::uuid WHEN requested_by THEN 'requested' WHEN decided_by THEN 'decided' ELSE 'ended' END AS part
      FROM support_grant WHERE $1::uuid IN (requested_by, decided_by, ended_by) ORDER BY id`,
    byId,
  ],
  jobs: [
    `SELECT id, kind, org_id, status, ${at('created_at')}, ${at('finished_at')}
      FROM job WHERE created_by = $1::uuid ORDER BY id`,
    byId,
  ],
  contact_of: [
    `SELECT o.id, o.slug, o.name FROM organization o
      WHERE $1::uuid IS NOT NULL AND o.primary_contact_email = ANY (string_to_array($2::text, ' ')) ORDER BY o.id`,
    byAddress,
  ],
}

const sectionSchema = z.object({ section: z.array(z.unknown()) })

async function readSection(db: IdentityDb, name: Section, person: ExportedPerson): Promise<unknown> {
  const [text, valuesOf] = SECTIONS[name]
  const statement: Statement = {
    name: `export_${name}`,
    text: `SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') AS section FROM (${text}) x`,
  }
  const [row] = await db.sql(statement, valuesOf(person))
  const { section } = sectionSchema.parse(row)
  return SINGLE.has(name) ? section[0] : section
}

/** All but what they did. */
export async function readHeldData(
  db: IdentityDb,
  person: ExportedPerson,
  exportedAt: string,
): Promise<Omit<PersonExport, 'events'>> {
  const held: Record<string, unknown> = { exported_at: exportedAt }
  for (const name of Object.keys(SECTIONS) as Section[]) held[name] = await readSection(db, name, person)
  return personExportSchema.omit({ events: true }).parse(held)
}

const PAGE_EVENTS = 500
const READ_OWN_EVENTS: Statement = {
  name: 'read_own_audit_events',
  text: `SELECT e.id::text, ${at('e.at')}, e.kind, e.outcome, e.client_id, e.session_id::text, e.org_id::text, e.region,
      p.details::jsonb ->> 'ip' AS ip
    FROM audit_event e LEFT JOIN audit_personal p ON p.event_id = e.id
    WHERE e.actor_user_id = $1::uuid AND ($2::timestamptz IS NULL OR (e.at, e.id) < ($2::timestamptz, $3::uuid))
    ORDER BY e.at DESC, e.id DESC LIMIT ${PAGE_EVENTS}`,
}

/** What a person did, newest first, page by page. */
export async function* readOwnEvents(db: IdentityDb, userId: string): AsyncGenerator<readonly ExportedEvent[]> {
  let last: ExportedEvent | undefined
  do {
    const rows = await db.sql(READ_OWN_EVENTS, [userId, last?.at ?? null, last?.id ?? null])
    const page = personExportSchema.shape.events.parse(rows)
    if (page.length > 0) yield page
    last = page.length === PAGE_EVENTS ? page.at(-1) : undefined
  } while (last !== undefined)
}
