// What the fields of the wire schemas mean, in words, with an example each: by name, or by a longer path where one name
// means two things (`Me.user.name`, `org.name`); the longest path that fits is taken. Secrets have placeholders only.
import { API_FIELDS } from './api-fields.ts'
import { AUDIT_FIELDS } from './audit-fields.ts'
import { FEED_FIELDS } from './feed-fields.ts'
import type { Field } from './field.ts'
import { MEMBER_FIELDS } from './member-fields.ts'
import { OAUTH_FIELDS } from './oauth-fields.ts'
import { ORG_FIELDS } from './org-fields.ts'
import { SYNC_FIELDS } from './sync-fields.ts'
import { USER_FIELDS } from './user-fields.ts'

const FIELDS: Readonly<Record<string, Field>> = {
  ...AUDIT_FIELDS,
  ...OAUTH_FIELDS,
  ...API_FIELDS,
  ...ORG_FIELDS,
  ...MEMBER_FIELDS,
  ...USER_FIELDS,
  ...SYNC_FIELDS,
  ...FEED_FIELDS,
}

/** Components that share their fields' meaning. */
const FAMILIES: Readonly<Record<string, string>> = {
  AuthorizationCodeGrant: 'TokenRequest',
  RefreshTokenGrant: 'TokenRequest',
  TokenExchangeGrant: 'TokenRequest',
  ClientCredentialsGrant: 'TokenRequest',
  ChallengeStart: 'TokenRequest',
  Query: 'TokenRequest',
  ClientRegistration: 'Client',
  RegisteredClient: 'Client',
  CreatedClient: 'Client',
}

/** What is known of a field; `path` begins with its component. */
export function findField(path: readonly string[]): Field | undefined {
  const [component = '', ...names] = path
  const heads = headsOf(component)
  const suffixes = names.map((_, index) => names.slice(index))
  const keys = [...heads.map((head) => [head, ...names]), ...suffixes].map((steps) => steps.join('.'))
  return keys.map((key) => FIELDS[key]).find((field) => field !== undefined)
}

/** A query is its operation's (`listOrgs.search`), and a query (`Query.status`). */
function headsOf(component: string): readonly string[] {
  const [kind = '', operation] = component.split(' ')
  const family = FAMILIES[kind]
  return [...(operation === undefined ? [] : [operation]), kind, ...(family === undefined ? [] : [family])]
}
