// GET /openapi.json and GET /api-reference: the same description for programs and for people, made once, when it
// is first asked for. Public, and the same for everybody; what it is made of is document.ts.
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import { renderApiReference } from '../../pages/api-reference-page.ts'
import { buildDocument } from './document.ts'

const CACHE_CONTROL = 'public, max-age=300'

export function openApiRoutes(app: FastifyInstance, { settings }: Pick<Deps, 'settings'>): void {
  let made: Description | undefined
  const describe = () => {
    made ??= makeDescription(settings)
    return made
  }

  app.get('/openapi.json', async (request, reply) => {
    void reply.headers({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    })
    return sendCached(request, reply, describe().json)
  })

  app.get('/api-reference', async (request, reply) => {
    const { page, contentSecurityPolicy } = describe()
    void reply.headers({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
    })
    return sendCached(request, reply, page)
  })
}

type Sent = { readonly text: string; readonly etag: string }
type Description = { readonly json: Sent; readonly page: Sent; readonly contentSecurityPolicy: string }

function makeDescription(settings: Deps['settings']): Description {
  const document = buildDocument(settings)
  const { html, contentSecurityPolicy } = renderApiReference(document, { productName: settings.productName })
  return { json: withEntityTag(JSON.stringify(document)), page: withEntityTag(html), contentSecurityPolicy }
}

function sendCached(request: FastifyRequest, reply: FastifyReply, { text, etag }: Sent): FastifyReply {
  void reply.headers({ 'cache-control': CACHE_CONTROL, etag })
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  return reply.serializer((body: unknown) => String(body)).send(text)
}

function withEntityTag(text: string): Sent {
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` }
}
