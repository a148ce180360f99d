// POST /v1/orgs/{org}/invitations/import: a file is read as it arrives, and only after it is known who sends it. What is
// wrong with a row is told in the job's report; what is wrong with the file, at once.
import { INVITATION_FILE_MAX_BYTES } from '@meridian/protocol/invitations'
import { Problem } from '@meridian/service-kit/problem'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { queueImport, requireImporter } from '../../../directory/invitation-import.ts'
import { authenticatePerson } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

/** As long as a request may take to arrive, and a moment to answer. */
const HANDLER_TIMEOUT_MS = 20_000

export async function importRoute(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(async (files) => {
    files.removeAllContentTypeParsers()
    files.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload))
    const options = { bodyLimit: INVITATION_FILE_MAX_BYTES, handlerTimeout: HANDLER_TIMEOUT_MS }
    files.post('/v1/orgs/:org/invitations/import', options, async (request, reply) => {
      const actor = await authenticatePerson(deps, request)
      const org = orgOf(request)
      await requireImporter(deps, actor, org)
      const key = readIdempotencyKey(request)
      const job = await queueImport(deps, actor, org, bytesOf(request), key, originOf(request))
      return reply.code(202).header('location', `/v1/orgs/${org}/jobs/${job.id}`).send(job)
    })
  })
}

async function* bytesOf(request: FastifyRequest): AsyncGenerator<Uint8Array> {
  let total = 0
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.byteLength
    if (total > INVITATION_FILE_MAX_BYTES) throw new Problem('payload_too_large')
    yield chunk
  }
}
