// Every refusal of authorization is noted for the audit, wherever it was thrown: before it is answered, so that whoever
// reads the audit after the answer finds it there.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createRefusalRecorder, type Refused } from '../audit/refused-access.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findSignedInOf } from './bearer.ts'
import { originOf } from './origin.ts'

const MINUTE_MS = 60_000
const NOBODY = { userId: null, clientId: null, sessionId: null }

export function recordRefusedAccess(app: FastifyInstance, deps: Pick<Deps, 'db' | 'makeId' | 'log'>): void {
  const recorder = createRefusalRecorder(deps)
  const orWarn = (writing: Promise<void>) =>
    writing.catch((error: unknown) => deps.log.warn({ err: error }, 'a refusal was not written to the audit'))
  app.addHook('onError', async (request, _reply, error) => {
    const refused = error instanceof Refusal ? refusedBy(request, error) : undefined
    if (refused !== undefined) await orWarn(recorder.record(refused))
  })
  const timer = setInterval(() => void orWarn(recorder.endMinute()), MINUTE_MS)
  timer.unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await orWarn(recorder.endMinute())
  })
}

function refusedBy(request: FastifyRequest, { code, actor }: Refusal): Refused | undefined {
  const common = {
    route: `${request.method} ${request.routeOptions.url ?? ''}`,
    code,
    org: namedOrg(request),
    origin: originOf(request),
  }
  if (code === 'invalid_client' || code === 'unauthorized_client') {
    const clientId = actor?.clientId ?? request.logFields.client_id ?? null
    return { ...common, kind: 'client.refused', actor: { ...NOBODY, clientId } }
  }
  const person = actor ?? findSignedInOf(request)
  if (person === undefined || (code !== 'access_denied' && code !== 'invalid_target')) return undefined
  const { userId, clientId, sessionId } = person
  return { ...common, kind: 'access.refused', actor: { userId, clientId, sessionId } }
}

const ORG_NAME = /^[A-Za-z0-9-]{1,100}$/

/** Of the path, or of the form of a grant. */
function namedOrg({ params, body }: FastifyRequest): string | undefined {
  const { org } = params as { org?: unknown }
  const named = org ?? (typeof body === 'object' && body !== null && 'org_id' in body ? body.org_id : undefined)
  return typeof named === 'string' && ORG_NAME.test(named) ? named.toLowerCase() : undefined
}
