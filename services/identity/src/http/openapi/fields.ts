// What the fields of the wire schemas mean, in words, with an example each: by name, or by a longer path where one name
// means two things (`Me.user.name`, `org.name`); the longest path that fits is taken. Secrets have placeholders only.
import { API_FIELDS } from './api-fields.ts'
import type { Field } from './field.ts'
import { OAUTH_FIELDS } from './oauth-fields.ts'

const FIELDS: Readonly<Record<string, Field>> = { ...OAUTH_FIELDS, ...API_FIELDS }

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
  const family = FAMILIES[component]
  const heads = family === undefined ? [component] : [component, family]
  const suffixes = names.map((_, index) => names.slice(index))
  const keys = [...heads.map((head) => [head, ...names]), ...suffixes].map((steps) => steps.join('.'))
  return keys.map((key) => FIELDS[key]).find((field) => field !== undefined)
}
