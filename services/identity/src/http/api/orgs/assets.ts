// Pictures of an organization, added and removed by its managers. A body is the picture itself; which kind it is its
// bytes say. Where anybody sees them is ../branding/route.ts.
import { ASSET_MAX_BYTES, assetDigestSchema, assetMediaTypeSchema } from '@meridian/protocol/org-settings'
import { Problem } from '@meridian/service-kit/problem'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { addAsset, listOwnAssets, removeAsset } from '../../../directory/organization-assets.ts'
import { Refusal } from '../../../refusal.ts'
import { authenticatePerson } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

export async function orgAssetRoutes(app: FastifyInstance, deps: Deps): Promise<void> {
  await app.register(async (pictures) => {
    pictures.removeAllContentTypeParsers()
    const limits = { parseAs: 'buffer', bodyLimit: ASSET_MAX_BYTES } as const
    pictures.addContentTypeParser(
      [...assetMediaTypeSchema.options],
      limits,
      async (_request: unknown, body: Buffer) => body,
    )

    pictures.post('/v1/orgs/:org/assets', { bodyLimit: ASSET_MAX_BYTES }, async (request) => {
      const person = await authenticatePerson(deps, request)
      if (!Buffer.isBuffer(request.body)) throw new Problem('unsupported_media_type')
      return addAsset(deps, person, orgOf(request), request.body, originOf(request))
    })
  })

  app.get('/v1/orgs/:org/assets', async (request) => {
    const person = await authenticatePerson(deps, request)
    return listOwnAssets(deps, person, orgOf(request))
  })

  app.delete<{ Params: { digest: string } }>('/v1/orgs/:org/assets/:digest', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const digest = assetDigestSchema.safeParse(request.params.digest)
    if (!digest.success) throw new Refusal('not_found', 'no picture can be called so')
    await removeAsset(deps, person, org, digest.data, originOf(request))
    return reply.code(204).send()
  })
}
