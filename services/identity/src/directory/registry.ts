// The clients, regions and modules that the operator's configuration names; the database follows it at every start.
import { withTransaction } from '@meridian/database/transaction'
import { configuredClientSchema, isNarrow, originSchema } from '@meridian/protocol/clients'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { configuredModulesSchema } from '@meridian/protocol/modules'
import { ConfigurationError } from '@meridian/service-kit/configuration'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { listApiClientIds } from '../store/client-registrations.ts'
import { replaceClients } from '../store/clients.ts'
import { replaceModules } from '../store/modules.ts'
import { listLeftWithoutManager, replaceRegions } from '../store/regions.ts'
import { storedClientOf } from './client-registration.ts'
import { endSessionsOfDeletedClients } from './end-deleted-clients.ts'

/** It looks at every organization. */
const LOOK_TIMEOUT_MS = 60_000

const regionSchema = z.strictObject({
  code: regionCodeSchema,
  name: z.string().min(1).max(60),
  /** The regional API's public address, and the audience of its tokens. */
  api_url: originSchema,
  /** Tenant hosts are `<slug>.<host_suffix>`. */
  host_suffix: z.string().regex(/^[a-z0-9.-]{1,200}$/),
})

export const registrySchema = z
  .strictObject({
    regions: z.array(regionSchema).min(1),
    clients: z.array(configuredClientSchema).min(1),
    modules: configuredModulesSchema.default([]),
  })
  .refine((registry) => isUnique(registry.regions.map((region) => region.code)), { error: 'a region is named twice' })
  .refine((registry) => isUnique(registry.regions.map((region) => region.host_suffix)), {
    error: 'two regions have one host_suffix',
  })
  .refine((registry) => isUnique(registry.clients.map((client) => client.id)), { error: 'a client is named twice' })
  .refine(regionClientsAreNarrow, { error: "a region's client may only have its own region's api_url as its resource" })
export type Registry = z.infer<typeof registrySchema>

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}

type Clients = readonly { region?: string | undefined; allowed_resources: readonly string[] }[]

function regionClientsAreNarrow(registry: { regions: readonly { code: string; api_url: string }[]; clients: Clients }) {
  const apiUrlOf = (code: string) => registry.regions.find((region) => region.code === code)?.api_url
  return registry.clients.every((client) => isNarrow(client, apiUrlOf))
}

/**
 * Makes the database's regions, modules and clients those of the registry; what it no longer names stops working. Resolves
 * to the organizations whose last active manager went with a region. Throws ConfigurationError where it names a client
 * that was registered through the API: it must not change hands unseen.
 */
export async function applyRegistry(
  deps: Pick<Deps, 'db'>,
  registry: Registry,
): Promise<{ readonly leftWithoutManager: readonly string[] }> {
  const regions = registry.regions.map(({ api_url: apiUrl, host_suffix: hostSuffix, ...region }) => ({
    ...region,
    apiUrl,
    hostSuffix,
  }))
  const clients = registry.clients.map(({ client_secret_sha256: secret, ...registration }) =>
    storedClientOf(registration, secret === undefined ? null : Buffer.from(secret, 'base64url')),
  )
  const ids = clients.map(({ id }) => id)
  // A client that is named again does not find its old sign-ins alive.
  await endSessionsOfDeletedClients(deps, ids)
  const { withdrawn, deleted } = await withTransaction(deps.db, async (db) => {
    const taken = await listApiClientIds(db, ids)
    if (taken.length > 0) {
      throw new ConfigurationError(taken.map((id) => `REGISTRY: clients: ${id} is registered through the API`))
    }
    const left = await replaceRegions(db, regions)
    await replaceModules(db, registry.modules)
    return { withdrawn: left, deleted: await replaceClients(db, clients) }
  })
  await endSessionsOfDeletedClients(deps, deleted)
  return { leftWithoutManager: await findLeftWithoutManager(deps, withdrawn) }
}

async function findLeftWithoutManager(
  deps: Pick<Deps, 'db'>,
  withdrawn: readonly string[],
): Promise<readonly string[]> {
  if (withdrawn.length === 0) return []
  return withTransaction(deps.db, (db) => listLeftWithoutManager(db, withdrawn), { timeoutMs: LOOK_TIMEOUT_MS })
}
