// `/v1/records`: an organization's records. What a role may do stands on each route; another organization's record
// is answered like one that never was. The rules of changing are records/records.ts.
import { type RecordId, recordIdSchema } from '@meridian/protocol/ids'
import { recordPageSchema, recordSchema } from '@meridian/protocol/records'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import { RecordRefusal } from '../../../records/record-refusal.ts'
import {
  changeRecord,
  createRecord,
  getRecord,
  pageOfRecords,
  type RecordsDeps,
  removeRecord,
} from '../../../records/records.ts'
import { createBodySchema, encodeCursor, pageQuerySchema, patchBodySchema } from './schema.ts'

const READ = { guard: { permission: 'records:read' } } as const
const WRITE = { guard: { permission: 'records:write' } } as const
/** What cannot be undone is not done on old news of who may. */
const DELETE = { guard: { permission: 'records:write', fresh: true } } as const

type WithId = { Params: { id: string } }

export function recordsRoutes(app: FastifyInstance, deps: RecordsDeps): void {
  app.post('/v1/records', { config: { ...WRITE, takes: 'body' } }, async (request, reply) => {
    const create = parseInput(createBodySchema, request.body)
    const record = await createRecord(deps, request.context, create)
    return reply
      .code(201)
      .headers({ location: `/v1/records/${record.id}`, etag: entityTagOf(record.version) })
      .send(present(record))
  })

  app.get('/v1/records', { config: { ...READ, takes: 'query' } }, async (request) => {
    const { limit, cursor } = parseInput(pageQuerySchema, request.query)
    const page = await pageOfRecords(deps, request.context, { limit, before: cursor ?? null })
    const nextCursor = page.nextBefore === null ? null : encodeCursor(page.nextBefore)
    return recordPageSchema.parse({ records: page.records.map(present), next_cursor: nextCursor })
  })

  app.get<WithId>('/v1/records/:id', { config: READ }, async (request, reply) => {
    const record = await getRecord(deps, request.context, parseId(request.params.id))
    return reply.header('etag', entityTagOf(record.version)).send(present(record))
  })

  app.patch<WithId>('/v1/records/:id', { config: { ...WRITE, takes: 'body' } }, async (request, reply) => {
    const id = parseId(request.params.id)
    const expected = parseIfMatch(request.headers['if-match'])
    const patch = parseInput(patchBodySchema, request.body)
    const record = await changeRecord(deps, request.context, id, expected, patch)
    return reply.header('etag', entityTagOf(record.version)).send(present(record))
  })

  app.delete<WithId>('/v1/records/:id', { config: DELETE }, async (request, reply) => {
    const id = parseId(request.params.id)
    const header = request.headers['if-match']
    await removeRecord(deps, request.context, id, header === undefined ? 'any' : parseIfMatch(header))
    return reply.code(204).send()
  })
}

/** What is no id is the id of nothing. */
function parseId(text: string): RecordId {
  const id = recordIdSchema.safeParse(text)
  if (!id.success) throw new RecordRefusal('missing')
  return id.data
}

function present(record: Awaited<ReturnType<typeof getRecord>>) {
  return recordSchema.parse({
    id: record.id,
    org_id: record.orgId,
    title: record.title,
    body: record.body,
    version: record.version,
    created_by: record.createdBy,
    created_at: record.createdAt.toISOString(),
    updated_at: record.updatedAt.toISOString(),
  })
}
