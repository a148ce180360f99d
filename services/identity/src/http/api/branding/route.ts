// How organizations look, for anybody: what their apps and our pages show. From any origin, without credentials; an
// organization that is unknown, closed or has no branding looks like any other such.
import { orgIdSchema } from '@meridian/protocol/ids'
import { assetDigestSchema, brandingQuerySchema } from '@meridian/protocol/org-settings'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readPublicBranding } from '../../../directory/brand.ts'
import { readAsset } from '../../../directory/organization-assets.ts'
import { Refusal } from '../../../refusal.ts'
import type { RateLimit } from '../../rate-limits.ts'

const FOR_ANYBODY = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' }
const MAX_AGE_SECONDS = 300

/** A picture's address names its content. Opened by itself it is a page that can do nothing. */
const OF_A_PICTURE = {
  ...FOR_ANYBODY,
  'cache-control': 'public, max-age=31536000, immutable',
  'content-security-policy': "default-src 'none'; sandbox",
}

export function brandingRoutes(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.get('/v1/branding', { config: { rateLimit } }, async (request, reply) => {
    const { org } = parseInput(brandingQuerySchema, request.query)
    const branding = await readPublicBranding(deps, org)
    return reply.headers({ ...FOR_ANYBODY, 'cache-control': `public, max-age=${MAX_AGE_SECONDS}` }).send(branding)
  })

  app.get<{ Params: { org: string; digest: string } }>(
    '/assets/:org/:digest',
    { config: { rateLimit } },
    async (request, reply) => {
      const org = orgIdSchema.safeParse(request.params.org)
      const digest = assetDigestSchema.safeParse(request.params.digest)
      if (!org.success || !digest.success) throw new Refusal('not_found', 'no picture can be called so')
      const { mediaType, content } = await readAsset(deps, org.data, digest.data)
      return reply.headers(OF_A_PICTURE).type(mediaType).send(Buffer.from(content))
    },
  )
}
