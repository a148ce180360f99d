// What the columns of an import's tables mean. A table is one of organizations (slug, …), or one of people and what
// they are where (email, …), which may tell of their organizations as well (org_name, …).
import { CommandError } from './command.ts'

type Values = Readonly<Record<string, string>>

const ORGANIZATION = ['slug', 'name', 'contact_name', 'contact_email', 'regions'] as const
const FLAT_ORGANIZATION = ['org', 'org_name', 'contact_name', 'contact_email'] as const

export const IMPORT_COLUMNS = [
  ...ORGANIZATION,
  'tier',
  'email',
  'org',
  'org_name',
  'region',
  'role',
] as const satisfies readonly string[]

const REGION_SEPARATORS = /[\s,;|]+/

/** The records of a row. Throws CommandError where the columns make no table. */
export function csvRecords(file: string, values: Values): readonly object[] {
  const has = (column: string) => Object.hasOwn(values, column)
  if (has('slug')) {
    needColumns(file, values, ORGANIZATION)
    refuseColumns(file, values, ['email', 'org', 'org_name', 'region', 'role'])
    return [organizationOf(values, values['slug'], values['name'], values['regions'])]
  }
  needColumns(file, values, has('org') ? ['email', 'org', 'region'] : ['email', 'name'])
  if (has('org_name')) needColumns(file, values, FLAT_ORGANIZATION)
  else refuseColumns(file, values, ['contact_name', 'contact_email', 'tier'])
  refuseColumns(file, values, ['regions'])
  const isPlaced = ['org', 'region', 'role'].some((column) => (values[column] ?? '') !== '')
  const { email, org, region, role } = values
  return [
    ...(has('org_name') && isPlaced ? [organizationOf(values, org, values['org_name'], region)] : []),
    ...(has('name') ? [{ kind: 'person', email, name: values['name'] }] : []),
    ...(isPlaced ? [{ kind: 'membership', email, org, region, ...(role === undefined ? {} : { role }) }] : []),
  ]
}

function organizationOf(values: Values, slug: string | undefined, name: string | undefined, regions = ''): object {
  const tier = values['tier'] ?? ''
  return {
    kind: 'organization',
    slug,
    name,
    primary_contact: { name: values['contact_name'], email: values['contact_email'] },
    ...(tier === '' ? {} : { subscription_tier: tier }),
    regions: regions.split(REGION_SEPARATORS).filter((region) => region !== ''),
  }
}

function needColumns(file: string, values: Values, columns: readonly string[]): void {
  const missing = columns.filter((column) => !Object.hasOwn(values, column))
  if (missing.length > 0) throw new CommandError(`${file}: missing columns: ${missing.join(', ')}`)
}

function refuseColumns(file: string, values: Values, columns: readonly string[]): void {
  const strange = columns.filter((column) => Object.hasOwn(values, column))
  if (strange.length > 0) throw new CommandError(`${file}: columns of another table: ${strange.join(', ')}`)
}
