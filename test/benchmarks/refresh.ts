// Refreshes a second: our identity service for both of its targets, beside oidc-provider.
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { createBenchDatabase } from './bench-database.ts'
import { CLIENT, ORG, POOL_SIZE, RESOURCE, startIdentityService } from './identity-service.ts'
import type { Load } from './load-process.ts'
import type { Section } from './report.ts'
import { measureSides, type Plan } from './rounds.ts'
import { findFreePort, type ServerProcess, startServer } from './server-process.ts'

/** Refresh token families that each side's virtual clients hold. */
const FAMILIES = 2000
const BASE = 'oidc-provider'
const OIDC_SERVER = fileURLToPath(new URL('./oidc-provider/main.ts', import.meta.url))

const refreshForm = (more: Readonly<Record<string, string>> = {}) =>
  new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT, ...more }).toString()

export type RefreshOptions = {
  readonly serverUrl: string
  readonly plan: Plan
  readonly profileFolder?: string | undefined
}

export async function benchRefresh(load: Load, options: RefreshOptions): Promise<readonly Section[]> {
  const { serverUrl, plan, profileFolder } = options
  plan.say(`refresh: making ${FAMILIES} families a side`)
  const identity = await startIdentityService({ serverUrl, people: FAMILIES, profileFolder })
  try {
    const [forAccount, forRegion] = [
      await identity.makeRefreshTokens(identity.people),
      await identity.makeRefreshTokens(identity.people),
    ]
    const path = '/oauth/token'
    await load.prepare('account', { kind: 'refresh', path, form: refreshForm(), tokens: forAccount })
    const regionForm = refreshForm({ resource: RESOURCE, org_id: ORG })
    await load.prepare('region', { kind: 'refresh', path, form: regionForm, tokens: forRegion })
    const provider = await startOidcProvider(serverUrl, profileFolder)
    try {
      await load.prepare('oidc-provider', {
        kind: 'refresh',
        path: '/token',
        form: refreshForm(),
        tokens: provider.tokens,
      })
      const sides = [
        { name: 'meridian, account token', scenario: 'account', server: identity },
        { name: 'meridian, region token', scenario: 'region', server: identity },
        { name: BASE, scenario: 'oidc-provider', server: provider },
      ]
      // Connections are made by the first requests; before each round, their server processes are moved.
      await measureSides(load, sides, { ...plan, rounds: 0, warmUpSeconds: 2 })
      let isPinned = true
      const figures = await measureSides(load, sides, plan, async () => {
        isPinned = (await identity.pinDatabase()) && (await provider.pinDatabase()) && isPinned
      })
      const notes = isPinned ? [] : ["PostgreSQL's processes could not be moved to the load's core"]
      return [{ title: 'refresh: rotations a second', figures, base: BASE, notes }]
    } finally {
      await provider.stop()
    }
  } finally {
    await identity.stop()
  }
}

const madeSchema = z.object({ tokens: z.array(z.string()).length(FAMILIES) })

async function startOidcProvider(
  serverUrl: string,
  profileFolder: string | undefined,
): Promise<ServerProcess & { tokens: readonly string[]; pinDatabase(): Promise<boolean> }> {
  const database = await createBenchDatabase(serverUrl)
  try {
    const server = await startServer({
      script: OIDC_SERVER,
      port: await findFreePort(),
      readyPath: '/.well-known/openid-configuration',
      profileFolder,
      environment: { DATABASE_URL: database.url, POOL_SIZE: String(POOL_SIZE), FAMILIES: String(FAMILIES) },
    })
    const stop = async () => {
      await server.stop()
      await database.drop()
    }
    return { ...server, tokens: madeSchema.parse(server.message).tokens, pinDatabase: database.pin, stop }
  } catch (error) {
    await database.drop()
    throw error
  }
}
