// GET /openapi.json and GET /api-reference: the same description for programs and for people, made once. Public, and
// the same for everybody; what it is made of is document.ts.
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import { renderApiReference } from '../../pages/api-reference-page.ts'
import { buildDocument } from './document.ts'

const CACHE_CONTROL = 'public, max-age=300'

export function openApiRoutes(app: FastifyInstance, { settings }: Pick<Deps, 'settings'>): void {
  const document = buildDocument(settings)
  const json = JSON.stringify(document)
  const page = renderApiReference(document, { productName: settings.productName })

  const tagOfJson = entityTag(json)
  app.get('/openapi.json', async (request, reply) => {
    void reply.headers({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    })
    return sendCached(request, reply, json, tagOfJson)
  })

  const tagOfPage = entityTag(page.html)
  app.get('/api-reference', async (request, reply) => {
    void reply.headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': page.contentSecurityPolicy,
    })
    return sendCached(request, reply, page.html, tagOfPage)
  })
}

function sendCached(request: FastifyRequest, reply: FastifyReply, text: string, etag: string): FastifyReply {
  void reply.headers({ 'cache-control': CACHE_CONTROL, etag })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  return reply.serializer((body: unknown) => String(body)).send(text)
}

function entityTag(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url')}"`
}
