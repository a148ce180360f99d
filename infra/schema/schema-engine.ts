// Prisma's own schema engine, as WASM: says what differs between a database and a schema.prisma. Prisma's CLI has the
// same engine as a binary that it downloads; this one comes with the packages. It does not see checks, triggers,
// functions, policies, grants or partial indexes: catalogue.ts lists those.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PGlite } from '@electric-sql/pglite'
import { applyMigrations, readMigrations } from '@meridian/database/migrations'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as engine from '@prisma/schema-engine-wasm/schema_engine_bg'
import { PrismaPGlite } from 'pglite-prisma-adapter'

export type SchemaName = 'identity' | 'region'
export const SCHEMA_NAMES: readonly SchemaName[] = ['identity', 'region']

const schemaUrl = (name: SchemaName) => new URL(`../../prisma/${name}/schema.prisma`, import.meta.url)
const migrationsUrl = (name: SchemaName) => new URL(`../../prisma/${name}/migrations`, import.meta.url)

/** Partial indexes and those of expressions, which schema.prisma cannot say; each stands in catalogue.txt instead. */
const NOT_IN_PRISMA: Readonly<Record<SchemaName, readonly string[]>> = {
  identity: [
    'signing_key_one_active',
    'mail_outbox_due_idx',
    'session_one_live_of_sign_on',
    'organization_name_idx',
    'organization_delete_after_idx',
    'invitation_one_pending',
    'invitation_email_idx',
    'job_queued_idx',
    'organization_domain_one_proved',
    'organization_domain_one_claim',
    'organization_domain_one_primary',
    'organization_domain_region_idx',
    'organization_domain_check_idx',
    'organization_domain_over_idx',
    'erasure_order_open_idx',
    'user_account_sys_admin_idx',
    'invitation_settled_email_idx',
    'invitation_user_id_idx',
    'audit_event_platform_idx',
    'audit_event_rare_kind_idx',
    'audit_seal_waiting_idx',
    'audit_chain_unsigned_idx',
    'support_grant_one_request',
    'support_grant_open_idx',
    'change_gone_idx',
    'sync_order_one_open',
  ],
  region: ['replica_entity_gone_idx', 'usage_daily_untold_idx'],
}

export function readSchema(name: SchemaName): Promise<string> {
  return readFile(schemaUrl(name), 'utf8')
}

/** An empty embedded database with the migrations of this schema applied. */
export async function openMigrated(name: SchemaName): Promise<PGlite> {
  const pglite = await PGlite.create()
  const connection = {
    query: async (text: string, values?: readonly unknown[]) =>
      (await pglite.query<Record<string, unknown>>(text, values as unknown[])).rows,
    execute: async (script: string) => {
      await pglite.exec(script)
    },
  }
  await applyMigrations(connection, await readMigrations(migrationsUrl(name).pathname))
  return pglite
}

/** Takes away what schema.prisma cannot say, so that it does not count as a difference. */
export async function leaveOutUnsayable(name: SchemaName, pglite: PGlite): Promise<void> {
  await pglite.exec('DROP TABLE _prisma_migrations')
  for (const index of NOT_IN_PRISMA[name]) await pglite.exec(`DROP INDEX ${index}`)
}

/** The SQL that would bring this database to this schema; empty where they agree. */
export async function diffToSchema(pglite: PGlite, schema: string): Promise<string> {
  const schemaEngine = await openEngine(schema, pglite)
  const files = [{ path: 'schema.prisma', content: schema }]
  const result = await schemaEngine.diff({
    from: { tag: 'schemaDatasource', configDir: '.', files },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  const script = result.stdout ?? ''
  return /^\s*(-- This is an empty migration\.\s*)?$/.test(script) ? '' : script
}

let isLoaded = false

/** The module keeps its state in itself: it is instantiated once a process. */
async function loadEngine(): Promise<void> {
  if (isLoaded) return
  const path = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const module = new WebAssembly.Module(await readFile(path.replace(/\.js$/, '.wasm')))
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': engine as never })
  engine.__wbg_set_wasm(instance.exports)
  const start = instance.exports['__wbindgen_start']
  if (typeof start === 'function') start()
  isLoaded = true
}

async function openEngine(schema: string, pglite: PGlite): Promise<engine.SchemaEngine> {
  await loadEngine()
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPGlite(pglite))
  return engine.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter)
}
