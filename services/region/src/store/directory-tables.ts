// The tables that requests read of the directory: what stands in which column, of what the change feed told.
import type { FeedKind } from '@meridian/protocol/feed'

export type DirectoryTable = {
  readonly kind: FeedKind
  readonly table: string
  readonly key: string
  readonly keyType: 'uuid' | 'text'
  /** How each column is read from `t.state`. */
  readonly columns: Readonly<Record<string, string>>
}

const text = (name: string) => `t.state ->> '${name}'`
const texts = (name: string) => `ARRAY(SELECT jsonb_array_elements_text(t.state -> '${name}'))`

export const DIRECTORY_TABLES: readonly DirectoryTable[] = [
  {
    kind: 'user',
    table: 'user_account',
    key: 'id',
    keyType: 'uuid',
    columns: { name: text('name'), email: text('email'), status: text('status') },
  },
  {
    kind: 'organization',
    table: 'organization',
    key: 'id',
    keyType: 'uuid',
    columns: {
      slug: text('slug'),
      name: text('name'),
      status: text('status'),
      subscription_tier: text('subscription_tier'),
      settings: "t.state -> 'settings'",
    },
  },
  {
    kind: 'membership',
    table: 'membership',
    key: 'id',
    keyType: 'uuid',
    columns: {
      org_id: `(${text('org_id')})::uuid`,
      user_id: `(${text('user_id')})::uuid`,
      role: text('role'),
      status: text('status'),
      display_name: text('display_name'),
      version: `(${text('version')})::integer`,
    },
  },
  {
    kind: 'entitlements',
    table: 'entitlement',
    key: 'org_id',
    keyType: 'uuid',
    columns: { modules: texts('modules') },
  },
  {
    kind: 'domain',
    table: 'organization_domain',
    key: 'id',
    keyType: 'uuid',
    columns: {
      org_id: `(${text('org_id')})::uuid`,
      domain: text('domain'),
      status: text('status'),
      is_primary: `(${text('is_primary')})::boolean`,
    },
  },
  {
    kind: 'client',
    table: 'client',
    key: 'id',
    keyType: 'text',
    columns: { allowed_origins: texts('allowed_origins') },
  },
]
